// Voxels: three slices through one point, which a click or the sliders move.
"use strict";

const PLANES = [ // name, axis of the slice, axis to the right, axis to the top
  ["sagittal", 0, 1, 2],
  ["coronal", 1, 0, 2],
  ["axial", 2, 0, 1],
];
const LETTERS = ["LR", "PA", "IS"];
const determinant = ([a, b, c]) =>
  a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1]) + c[0] * (a[1] * b[2] - a[2] * b[1]);
const GAP = 12; // pixels between slices
const HEAD = 20; // pixels above them, for their names

class VolumeView {
  constructor(canvas, shape, chosen) {
    Object.assign(this, { canvas, chosen, size: shape.shape, affine: shape.affine });
    const voxels = this.size[0] * this.size[1] * this.size[2];
    const mask = bitsOf(shape.mask, voxels);
    this.target = new Int32Array(voxels).fill(-1);
    this.voxel = [];
    for (let i = 0; i < voxels; i++) if (mask[i]) this.target[i] = this.voxel.push(i) - 1;
    this.targets = this.voxel.length;
    this.background = bytesOf(shape.background);
    this.millimetres = [0, 1, 2].map((axis) => Math.hypot(...[0, 1, 2].map((row) => this.affine[row][axis])));
    this.point = this.size.map((n) => Math.floor(n / 2));
    this.listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  index(point) {
    return (point[0] * this.size[1] + point[1]) * this.size[2] + point[2];
  }

  pointOf(target) {
    const voxel = this.voxel[target];
    const [, y, z] = this.size;
    return [Math.floor(voxel / (y * z)), Math.floor(voxel / z) % y, voxel % z];
  }

  coordinates(point) {
    return [0, 1, 2].map((row) => this.affine[row][3] + point.reduce((sum, at, i) => sum + this.affine[row][i] * at, 0));
  }

  // Where each slice is drawn, in CSS pixels: plane, left, top, and pixels per millimetre.
  boxes() {
    const widths = PLANES.map(([, , right]) => this.size[right] * this.millimetres[right]);
    const heights = PLANES.map(([, , , up]) => this.size[up] * this.millimetres[up]);
    const scale = (this.canvas.clientWidth - 2 * GAP) / widths.reduce((sum, width) => sum + width, 0);
    this.high = HEAD + Math.max(...heights) * scale;
    let left = 0;
    return PLANES.map((plane, i) => {
      const box = { plane, left, top: HEAD + (this.high - HEAD - heights[i] * scale) / 2, scale };
      left += widths[i] * scale + GAP;
      return box;
    });
  }

  draw() {
    const width = this.canvas.clientWidth;
    if (!width) return;
    const boxes = this.boxes();
    const ratio = Math.min(2, window.devicePixelRatio);
    this.canvas.style.height = `${this.high}px`;
    this.canvas.width = width * ratio;
    this.canvas.height = this.high * ratio;
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.imageSmoothingEnabled = false;
    for (const box of boxes) this.slice(context, box);
  }

  slice(context, { plane: [name, across, right, up], left, top, scale }) {
    const [columns, rows] = [this.size[right], this.size[up]];
    const image = new ImageData(columns, rows);
    const point = [...this.point];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        point[right] = column;
        point[up] = rows - 1 - row;
        image.data.set(this.pixel(this.index(point)), 4 * (row * columns + column));
      }
    }
    const small = new OffscreenCanvas(columns, rows);
    small.getContext("2d").putImageData(image, 0, 0);
    const [width, height] = [columns * this.millimetres[right] * scale, rows * this.millimetres[up] * scale];
    context.drawImage(small, left, top, width, height);
    this.cross(context, right, up, left, top, width, height);
    const at = this.coordinates(this.point)[across].toFixed(0).replace("-", "−");
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = getComputedStyle(this.canvas).color;
    const place = `${"xyz"[across]} = ${at} mm`;
    const whole = `${name} ${place}`; // on a phone, it would run into its neighbour
    context.fillText(context.measureText(whole).width + 8 < width ? whole : place, left + 4, 14);
    context.fillText(LETTERS[right][0], left + 4, top + height / 2);
    context.fillText(LETTERS[right][1], left + width - 12, top + height / 2);
  }

  pixel(voxel) {
    const grey = this.background[voxel];
    const target = this.target[voxel];
    const over = target >= 0 && this.colourOf ? this.colourOf(target) : null;
    if (over && !grey) return [...over.slice(0, 3), 255 * over[3]]; // outside the template, where there is no black
    if (over) return [...[0, 1, 2].map((c) => over[c] * over[3] + grey * (1 - over[3])), 255];
    return [grey, grey, grey, grey ? 255 : 0];
  }

  cross(context, right, up, left, top, width, height) {
    const x = left + ((this.point[right] + 0.5) / this.size[right]) * width;
    const y = top + (1 - (this.point[up] + 0.5) / this.size[up]) * height;
    context.strokeStyle = "#00b050";
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, top + height);
    context.moveTo(left, y);
    context.lineTo(left + width, y);
    context.stroke();
  }

  paint(colourOf) {
    this.colourOf = colourOf;
    this.draw();
  }

  at(x, y) {
    for (const { plane: [, , right, up], left, top, scale } of this.boxes()) {
      const column = Math.floor((x - left) / (this.millimetres[right] * scale));
      const row = Math.floor((y - top) / (this.millimetres[up] * scale));
      if (column < 0 || row < 0 || column >= this.size[right] || row >= this.size[up]) continue;
      this.point[right] = column;
      this.point[up] = this.size[up] - 1 - row;
      this.draw();
      const target = this.target[this.index(this.point)];
      return target < 0 ? undefined : target;
    }
    return undefined;
  }

  name(target) {
    const place = this.coordinates(this.pointOf(target)).map((mm) => mm.toFixed(0).replace("-", "−"));
    return `Voxel at ${place.join(", ")} mm`;
  }

  choose(target) {
    if (target === undefined) return; // the cross stays where it was put
    this.point = this.pointOf(target);
    this.draw();
  }

  listen() {
    this.canvas.addEventListener("click", (event) => {
      const box = this.canvas.getBoundingClientRect();
      this.chosen(this.at(event.clientX - box.left, event.clientY - box.top));
    });
    this.canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [2, 1], ArrowDown: [2, -1], PageUp: [1, 1], PageDown: [1, -1] };
      if (!(event.key in steps)) return;
      const [axis, step] = steps[event.key];
      this.point[axis] = Math.min(this.size[axis] - 1, Math.max(0, this.point[axis] + step));
      this.draw();
      const target = this.target[this.index(this.point)];
      this.chosen(target < 0 ? undefined : target);
      event.preventDefault();
    });
  }

  buttons() {
    return [];
  }

  fields() {
    return [..."xyz"].map((name) => [`${name} (mm)`, { step: "any" }]);
  }

  targetOf(millimetres) {
    const point = this.pointAt(millimetres);
    if (point.some((at, axis) => at < 0 || at >= this.size[axis])) return undefined;
    const target = this.target[this.index(point)];
    return target < 0 ? undefined : target;
  }

  fieldsOf(target) {
    return this.coordinates(this.pointOf(target)).map((at) => Number(at.toFixed(1)));
  }

  fieldsHere() {
    return this.coordinates(this.point).map((at) => Number(at.toFixed(1)));
  }

  // The voxel that is nearest to a place, by Cramer's rule.
  pointAt(millimetres) {
    const columns = [0, 1, 2].map((axis) => [0, 1, 2].map((row) => this.affine[row][axis]));
    const place = millimetres.map((at, row) => at - this.affine[row][3]);
    const whole = determinant(columns);
    return [0, 1, 2].map((axis) => Math.round(determinant(columns.map((c, i) => (i === axis ? place : c))) / whole));
  }
}
