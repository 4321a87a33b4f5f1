// Maps as they come in the page: decoding of values, and colours.
"use strict";

const FADED = 0.5; // largest opacity of values that do not pass, as in the pictures

function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function bitsOf(text, length) {
  const bytes = bytesOf(text);
  const mask = new Uint8Array(length);
  for (let i = 0; i < length; i++) mask[i] = (bytes[i >> 3] >> (7 - (i & 7))) & 1;
  return mask;
}

function numbersOf(packed) {
  const bytes = bytesOf(packed.data);
  const whole = packed.bytes === 1 ? new Int8Array(bytes.buffer) : new Int16Array(bytes.buffer);
  const none = packed.bytes === 1 ? -128 : -32768;
  return Float32Array.from(whole, (level) => (level === none ? NaN : level * packed.factor));
}

// Three digits, and none that rounding to multiples of a step has made.
function digitsOf(value, step) {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0).replace("-", "−");
  const wanted = size > 0 ? 2 - Math.floor(Math.log10(size)) : 2;
  const known = Math.max(0, Math.floor(-Math.log10(step)));
  const text = Math.min(wanted, known) > 6 ? value.toPrecision(3) : value.toFixed(Math.max(0, Math.min(wanted, known)));
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

function rgbOf(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}

// A map with its values and colours; decoded when it is first shown.
class ColourMap {
  constructor(packed) {
    Object.assign(this, packed);
    this.packed = packed.values;
    this.packedPassing = packed.passing;
    this.table = packed.kind === "categories" ? packed.colours.map(rgbOf).flat() : bytesOf(packed.colours);
  }

  get data() {
    return (this.decoded ??= numbersOf(this.packed));
  }

  get passes() {
    if (this.packedPassing === null) return null;
    return (this.decodedPassing ??= bitsOf(this.packedPassing, this.data.length));
  }

  get largest() {
    return this.data.reduce((high, value) => (Math.abs(value) > high ? Math.abs(value) : high), 0);
  }

  get hasThreshold() {
    return this.kind === "score" || this.kind === "signed";
  }

  // Whether a target is coloured at a threshold: as strong as that, and on the side of the scale that has colours.
  shows(target, threshold, onlyPassing) {
    const value = this.data[target];
    if (Number.isNaN(value) || (onlyPassing && this.passes && !this.passes[target])) return false;
    if (this.kind === "categories") return value >= 0;
    if (this.kind === "position") return true;
    if (this.kind === "signed") return Math.abs(value) >= threshold && value !== 0;
    return value > this.low && value >= threshold;
  }

  // Where nothing passes a test, paler colours would tell nothing.
  get anyPasses() {
    return (this.somePass ??= this.passes !== null && this.passes.includes(1));
  }

  opacity(target) {
    if (!this.anyPasses || this.passes[target]) return 1;
    if (this.kind === "categories") return FADED;
    if (this.kind === "position") return FADED / 2;
    return FADED * Math.min(1, Math.abs(this.data[target]) / this.high);
  }

  colour(value) {
    const step =
      this.kind === "categories"
        ? value
        : Math.round(255 * Math.min(1, Math.max(0, (value - this.low) / (this.high - this.low))));
    return [this.table[3 * step], this.table[3 * step + 1], this.table[3 * step + 2]];
  }

  text(value) {
    if (Number.isNaN(value)) return "no value";
    if (this.kind === "categories") return value < 0 ? "none" : this.names[value];
    return digitsOf(value, this.packed.factor);
  }
}
