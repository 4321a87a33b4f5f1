// The interactive view: its controls, and what is said of a place that is chosen.
"use strict";

const VIEWS = { surface: SurfaceView, volume: VolumeView };
const MOST_FAMILIES = 5;
const byId = (id) => document.getElementById(id);

function element(name, properties = {}, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

class View {
  constructor(data) {
    this.shapes = data.shapes;
    this.frame = byId("view");
    this.recordings = data.recordings.map((one) => ({ ...one, maps: one.maps.map((map) => new ColourMap(map)) }));
    this.frame.classList.add("is-live");
    this.fill();
    this.openRecording(0);
  }

  // A canvas can be drawn on in one way only, so another kind of data gets another one.
  openShape(name) {
    if (this.shape === name) return;
    this.shape = name;
    const shape = this.shapes[name];
    const canvas = byId("view-canvas").cloneNode();
    byId("view-canvas").replaceWith(canvas);
    this.unit = shape.kind === "surface" ? "vertices" : "voxels";
    this.finer = shape.finer;
    this.drawn = new VIEWS[shape.kind](canvas, shape, (target) => this.pick(target));
    this.picked = undefined;
    byId("view-picked").replaceChildren();
    this.fillButtons();
    this.fillFields();
  }

  fill() {
    byId("view-recording").append(...this.recordings.map((one, i) => new Option(one.title, i)));
    byId("choice-recording").hidden = this.recordings.length < 2;
    byId("view-recording").addEventListener("change", (event) => this.openRecording(Number(event.target.value)));
    byId("view-map").addEventListener("change", (event) => this.openMap(Number(event.target.value)));
    for (const id of ["view-network", "view-passing"]) byId(id).addEventListener("change", () => this.paint());
    byId("view-threshold").addEventListener("input", () => this.paint());
  }

  fillButtons() {
    const buttons = this.drawn.buttons().map(([text, act]) => {
      const button = element("button", { type: "button", textContent: text });
      button.addEventListener("click", act);
      return button;
    });
    byId("view-buttons").replaceChildren(...buttons);
  }

  fillFields() {
    byId("view-target").replaceChildren();
    this.inputs = this.drawn.fields().map(([name, range]) => {
      const input = Array.isArray(range)
        ? element("select", {}, range.map((text) => new Option(text, text)))
        : element("input", { type: "number", value: 0, ...range });
      byId("view-target").append(element("label", { className: "choice" }, [`${name} `, input]));
      return input;
    });
    this.drawn.fieldsHere().forEach((value, i) => (this.inputs[i].value = value));
    const show = element("button", { type: "button", textContent: "Show this place", id: "view-show" });
    show.addEventListener("click", () => this.pick(this.drawn.targetOf(this.inputs.map(valueOf))));
    byId("view-target").append(show);
  }

  openRecording(number) {
    this.recording = this.recordings[number];
    this.openShape(this.recording.shape);
    const groups = new Map();
    this.recording.maps.forEach((map, i) => {
      if (!groups.has(map.group)) groups.set(map.group, element("optgroup", { label: map.group }));
      groups.get(map.group).append(new Option(map.title, i));
    });
    byId("view-map").replaceChildren(...groups.values());
    const networks = this.recording.networks;
    this.networkOf = networks ? new Uint16Array(bytesOf(networks.labels).buffer) : null;
    const parcels = this.recording.parcels;
    this.parcelOf = parcels ? new Uint16Array(bytesOf(parcels.labels).buffer) : null;
    const options = (networks ? networks.names : []).map((name, i) => new Option(name, i + 1));
    byId("view-network").replaceChildren(new Option("all of the brain", 0), ...options);
    byId("view-network").parentElement.hidden = !networks;
    this.openMap(0);
  }

  openMap(number) {
    this.map = this.recording.maps[number];
    byId("view-map").value = number;
    const slider = byId("view-threshold");
    byId("choice-threshold").hidden = !this.map.hasThreshold;
    byId("choice-passing").hidden = !this.map.anyPasses;
    if (!this.map.anyPasses) byId("view-passing").checked = false;
    this.top = Math.max(this.map.largest, 1e-12);
    // Scores that no test picks out begin at a quarter of the scale, so that noise does not cover the brain.
    const quarter = this.map.kind === "score" && !this.map.anyPasses ? this.map.high / 4 : 0;
    slider.value = Math.round((1000 * (this.map.threshold || quarter)) / this.top);
    this.drawKey();
    this.paint();
  }

  get threshold() {
    return this.map.hasThreshold ? (byId("view-threshold").value / 1000) * this.top : 0;
  }

  get network() {
    return Number(byId("view-network").value || 0);
  }

  paint() {
    const [threshold, network, only] = [this.threshold, this.network, byId("view-passing").checked];
    this.drawn.paint((target) => {
      if (network && this.networkOf[target] !== network) return null;
      if (!this.map.shows(target, threshold, only)) return null;
      return [...this.map.colour(this.map.data[target]), this.map.opacity(target)];
    });
    byId("view-threshold-value").value = this.map.text(threshold);
    const [count, known, passing] = this.counted(threshold, network, only);
    const where = network ? ` of ${this.recording.networks.names[network - 1]}` : "";
    const finer = this.finer ? " The page shows every fourth vertex or fewer; the files hold all." : "";
    byId("view-count").textContent =
      `${count.toLocaleString("en")} of ${known.toLocaleString("en")} ${this.unit}${where} coloured` +
      `${this.map.passes ? `; ${passing.toLocaleString("en")} of these have q < 0.05` : ""}.${finer}`;
    const left = this.recording.leftOut;
    byId("view-left-out").textContent = left.length
      ? `${left.length === 1 ? "One map is" : `${left.length} maps are`} not in this page, which would be too large: ` +
        `${left.join(", ")}. The files hold all maps.`
      : this.recording.note;
    this.tell();
  }

  // How many targets are coloured, how many have a value, and how many of the coloured ones are significant.
  counted(threshold, network, only) {
    let [count, known, passing] = [0, 0, 0];
    for (let target = 0; target < this.drawn.targets; target++) {
      if (network && this.networkOf[target] !== network) continue;
      known += !Number.isNaN(this.map.data[target]);
      if (!this.map.shows(target, threshold, only)) continue;
      count++;
      passing += this.map.passes ? this.map.passes[target] : 0;
    }
    return [count, known, passing];
  }

  drawKey() {
    const map = this.map;
    const key = byId("view-key");
    if (map.kind === "categories") {
      const rows = map.names.map((name, i) => {
        const swatch = element("i");
        swatch.style.background = map.colours[i];
        return element("li", {}, [swatch, name]);
      });
      key.replaceChildren(element("p", { textContent: map.label }), element("ul", {}, rows));
      return;
    }
    const bar = element("canvas", { width: 1, height: 256, className: "bar" });
    const context = bar.getContext("2d");
    for (let i = 0; i < 256; i++) {
      context.fillStyle = `rgb(${map.table.slice(3 * i, 3 * i + 3).join(",")})`;
      context.fillRect(0, 255 - i, 1, 1);
    }
    const ends = element("span", { className: "ends" }, [
      element("span", { textContent: map.text(map.high) }),
      element("span", { textContent: map.text(map.low) }),
    ]);
    key.replaceChildren(element("p", { textContent: map.label }), element("span", { className: "scale" }, [bar, ends]));
  }

  // A place that was clicked or typed; none where the click met nothing.
  pick(target) {
    this.picked = target;
    if (target === undefined) {
      this.drawn.choose(undefined);
      byId("view-picked").replaceChildren(element("p", { textContent: "There are no data at this place." }));
      return;
    }
    this.drawn.choose(target);
    this.drawn.fieldsOf(target).forEach((value, i) => (this.inputs[i].value = value));
    this.tell();
  }

  tell() {
    const target = this.picked;
    if (target === undefined) return;
    const lines = [element("p", {}, [element("strong", { textContent: this.drawn.name(target) })])];
    lines.push(element("p", { textContent: this.valueText(target) }));
    const places = [];
    if (this.networkOf) places.push(`network ${regionAt(this.recording.networks, this.networkOf[target])}`);
    if (this.parcelOf) places.push(`region ${regionAt(this.recording.parcels, this.parcelOf[target])}`);
    if (places.length) lines.push(element("p", { textContent: places.join("; ") }));
    byId("view-picked").replaceChildren(...lines, ...this.families(target));
  }

  valueText(target) {
    const { map } = this;
    const passes = map.passes ? (map.passes[target] ? ", q < 0.05" : ", not significant") : "";
    return `${map.title}: ${map.text(map.data[target])} (${map.label})${passes}`;
  }

  // The families whose maps are strongest at a place, each with the words that drive it.
  families(target) {
    const maps = this.recording.maps.filter((map) => map.family && !Number.isNaN(map.data[target]));
    if (!maps.length) return [];
    const ranked = maps.sort((a, b) => Math.abs(b.data[target]) - Math.abs(a.data[target])).slice(0, MOST_FAMILIES);
    const rows = ranked.map((map) => {
      const known = this.recording.families[map.family] || {};
      const name = known.anchor
        ? element("a", { href: `#${known.anchor}`, textContent: map.title })
        : document.createTextNode(map.title);
      const words = known.words && known.words.length ? `: ${known.words.join(", ")}` : "";
      const links = known.links ? ` (linked: ${known.links})` : "";
      return element("li", {}, [name, ` ${map.text(map.data[target])}${words}${links}`]);
    });
    return [element("p", { textContent: "Strongest here:" }), element("ul", {}, rows)];
  }

  // The map of a family, as the buttons of the cards ask for it.
  showFamily(family, recording) {
    const wanted = recording === undefined ? this.recordings.indexOf(this.recording) : recording;
    if (this.recordings[wanted] !== this.recording) {
      byId("view-recording").value = wanted;
      this.openRecording(wanted);
    }
    const number = this.recording.maps.findIndex((map) => map.family === family);
    if (number < 0) return;
    this.openMap(number);
    this.frame.scrollIntoView({ block: "start" });
    byId("view-map").focus();
  }
}

function valueOf(input) {
  if (input.type !== "number") return input.value;
  if (input.step === "any") return Number(input.value);
  return Math.min(input.max, Math.max(input.min, Math.round(Number(input.value))));
}

function regionAt(regions, label) {
  return label ? regions.names[label - 1] : "none";
}

if (byId("view-data")) {
  try {
    window.n2nView = new View(JSON.parse(byId("view-data").textContent));
  } catch (error) {
    // Without WebGL the picture stays, and the reader is told why.
    byId("view").append(element("p", { className: "missing", textContent: `No interactive map: ${error.message}` }));
  }
  for (const button of document.querySelectorAll("button[data-family]")) {
    const { family, recording } = button.dataset;
    const maps = window.n2nView ? window.n2nView.recordings[Number(recording)].maps : [];
    button.hidden = maps.every((map) => map.family !== family);
    if (button.hidden && window.n2nView) button.after("Its map is not in this page; the file of maps holds it.");
    button.addEventListener("click", () => window.n2nView.showFamily(family, Number(recording)));
  }
}
