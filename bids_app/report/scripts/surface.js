// The cortex: both hemispheres from two sides, or flat; drag turns them as mirror images, a click names a vertex.
"use strict";

const DRAG = 3; // pixels from which a press is a turn and no click
const SIDES = { lateral: 0, medial: Math.PI };

class SurfaceView {
  constructor(canvas, shape, chosen) {
    this.canvas = canvas;
    this.chosen = chosen;
    this.shape = "inflated";
    this.yaw = 0;
    this.pitch = 0;
    this.zoom = 1;
    this.pan = [0, 0]; // of the flat maps, in their units
    THREE.ColorManagement.enabled = false;
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true, alpha: true, preserveDrawingBuffer: true });
    this.renderer.outputColorSpace = THREE.LinearSRGBColorSpace;
    this.camera = new THREE.OrthographicCamera(-1, 1, 1, -1, -500, 500);
    this.hemispheres = shape.hemispheres.map((packed, number) => this.hemisphere(packed, number));
    this.targets = this.hemispheres[0].count + this.hemispheres[1].count;
    this.names = Object.keys(shape.hemispheres[0].shapes);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  get tall() {
    return this.shape === "flat" ? 0.5 : 0.68;
  }

  hemisphere(packed, number) {
    const scene = new THREE.Scene();
    scene.add(new THREE.AmbientLight(0xffffff, 0.55 * Math.PI));
    const lamp = new THREE.DirectionalLight(0xffffff, 0.47 * Math.PI);
    lamp.position.set(0, 0.35, 1);
    scene.add(lamp);
    const count = packed.vertices;
    const colours = new THREE.BufferAttribute(new Float32Array(3 * count), 3);
    const meshes = {};
    for (const [name, one] of Object.entries(packed.shapes)) {
      const geometry = new THREE.BufferGeometry();
      geometry.setAttribute("position", new THREE.BufferAttribute(numbersOf(one.vertices), 3));
      geometry.setIndex(new THREE.BufferAttribute(new Uint16Array(bytesOf(one.faces).buffer), 1));
      geometry.setAttribute("color", colours);
      geometry.computeVertexNormals();
      const material = new THREE.MeshLambertMaterial({ vertexColors: true, side: THREE.DoubleSide });
      meshes[name] = new THREE.Mesh(geometry, material);
      meshes[name].visible = false;
      scene.add(meshes[name]);
    }
    const spot = new THREE.Mesh(new THREE.SphereGeometry(2.8, 12, 8), new THREE.MeshBasicMaterial({ color: 0x00b050 }));
    spot.visible = false;
    scene.add(spot);
    return { scene, meshes, colours, count, spot, first: number * count, grey: bytesOf(packed.grey), side: packed.side };
  }

  // Where each picture is: hemisphere, side, and its box as shares of the canvas, from the top left.
  boxes() {
    const both = this.hemispheres;
    if (this.pole) return both.map((one, i) => ({ one, side: "lateral", box: [i / 2, 0, 0.5, 1] }));
    if (this.shape === "flat") return both.map((one, i) => ({ one, side: "flat", box: [i / 2, 0, 0.5, 1] }));
    return Object.keys(SIDES).flatMap((side, row) =>
      both.map((one, i) => ({ one, side, box: [i / 2, row / 2, 0.5, 0.5] })));
  }

  turn(mesh, one, side) {
    if (side === "flat") {
      mesh.matrix.identity();
    } else {
      const mirror = one.side === "left" ? 1 : -1;
      const start = (one.side === "left" ? 1 : -1) * (Math.PI / 2) + SIDES[side];
      mesh.matrix.makeRotationX(this.pitch);
      mesh.matrix.multiply(new THREE.Matrix4().makeRotationY(start + mirror * this.yaw));
      mesh.matrix.multiply(new THREE.Matrix4().makeRotationX(-Math.PI / 2));
    }
    mesh.matrixAutoUpdate = false;
    mesh.updateMatrixWorld(true);
  }

  frame(box, width, height) {
    const ratio = (box[2] * width) / (box[3] * height);
    const half = this.half(ratio) / this.zoom;
    const [x, y] = this.shape === "flat" ? this.pan : [0, 0];
    Object.assign(this.camera, { left: x - half * ratio, right: x + half * ratio, top: y + half, bottom: y - half });
    this.camera.updateProjectionMatrix();
  }

  half(ratio) {
    const flat = this.shape === "flat";
    const wide = flat ? 160 : 112;
    const high = flat ? 146 : 80;
    return Math.max(high, wide / ratio);
  }

  draw() {
    const width = this.canvas.clientWidth;
    if (!width) return;
    const height = Math.round(width * this.tall);
    this.canvas.style.height = `${height}px`;
    this.renderer.setPixelRatio(Math.min(2, window.devicePixelRatio));
    this.renderer.setSize(width, height, false);
    this.renderer.setScissorTest(true);
    for (const { one, side, box } of this.boxes()) {
      const place = [box[0] * width, height - (box[1] + box[3]) * height, box[2] * width, box[3] * height];
      this.renderer.setViewport(...place);
      this.renderer.setScissor(...place);
      for (const [name, mesh] of Object.entries(one.meshes)) mesh.visible = name === this.shape;
      const mesh = one.meshes[this.shape];
      this.turn(mesh, one, side);
      this.mark(one, mesh);
      this.frame(box, width, height);
      this.renderer.render(one.scene, this.camera);
    }
  }

  mark(one, mesh) {
    const vertex = this.marked === undefined ? -1 : this.marked - one.first;
    one.spot.visible = vertex >= 0 && vertex < one.count;
    if (!one.spot.visible) return;
    one.spot.position.fromBufferAttribute(mesh.geometry.getAttribute("position"), vertex).applyMatrix4(mesh.matrix);
  }

  // Colours of all targets: `colourOf` gives red, green, blue in 0–255 and opacity, or null for bare cortex.
  paint(colourOf) {
    for (const one of this.hemispheres) {
      const array = one.colours.array;
      for (let i = 0; i < one.count; i++) {
        const over = colourOf(one.first + i);
        for (let c = 0; c < 3; c++) {
          const grey = one.grey[i];
          array[3 * i + c] = (over ? over[c] * over[3] + grey * (1 - over[3]) : grey) / 255;
        }
      }
      one.colours.needsUpdate = true;
    }
    this.draw();
  }

  // The vertex at a place of the canvas in CSS pixels, or undefined.
  at(x, y) {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const found = this.boxes().find(({ box }) =>
      x >= box[0] * width && x < (box[0] + box[2]) * width && y >= box[1] * height && y < (box[1] + box[3]) * height);
    if (!found) return undefined;
    const { one, side, box } = found;
    const mesh = one.meshes[this.shape];
    this.turn(mesh, one, side);
    this.frame(box, width, height);
    const place = new THREE.Vector2(
      (2 * (x - box[0] * width)) / (box[2] * width) - 1, 1 - (2 * (y - box[1] * height)) / (box[3] * height));
    const ray = new THREE.Raycaster();
    ray.setFromCamera(place, this.camera);
    ray.ray.origin.z = 400;
    const hit = ray.intersectObject(mesh)[0];
    if (!hit) return undefined;
    const point = mesh.worldToLocal(hit.point.clone());
    const positions = mesh.geometry.getAttribute("position");
    const corner = new THREE.Vector3();
    const corners = [hit.face.a, hit.face.b, hit.face.c];
    const far = corners.map((vertex) => corner.fromBufferAttribute(positions, vertex).distanceTo(point));
    return one.first + corners[far.indexOf(Math.min(...far))];
  }

  name(target) {
    const one = this.hemispheres[target < this.hemispheres[0].count ? 0 : 1];
    return `Vertex ${target - one.first}, ${one.side} hemisphere`;
  }

  choose(target) {
    this.marked = target;
    this.draw();
  }

  // Flat maps move as far as their borders.
  move(x, y) {
    const most = 160 * (1 - 1 / this.zoom);
    this.pan = [this.pan[0] + x, this.pan[1] + y].map((at) => Math.min(most, Math.max(-most, at)));
    this.draw();
  }

  rotate(yaw, pitch) {
    if (this.shape === "flat") {
      this.move((-60 * yaw) / this.zoom, (60 * pitch) / this.zoom);
      return;
    }
    this.yaw += yaw;
    this.pitch = Math.min(Math.PI / 2, Math.max(-Math.PI / 2, this.pitch + pitch));
    this.draw();
  }

  reset() {
    Object.assign(this, { yaw: 0, pitch: 0, zoom: 1, pan: [0, 0], pole: false });
    this.draw();
  }

  // Both hemispheres from above (1) or below (-1), the front of the head on top.
  see(pole) {
    Object.assign(this, { shape: this.names[0], yaw: -Math.PI / 2, pitch: (pole * Math.PI) / 2, zoom: 1, pole: true });
    this.draw();
  }

  listen() {
    let start = null;
    let moved = 0;
    let mirror = 1;
    this.canvas.addEventListener("pointerdown", (event) => {
      start = [event.clientX, event.clientY];
      moved = 0;
      mirror = event.offsetX < this.canvas.clientWidth / 2 ? 1 : -1; // what is under the pointer follows it
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!start || !event.buttons) return;
      const [dx, dy] = [event.clientX - start[0], event.clientY - start[1]];
      moved += Math.abs(dx) + Math.abs(dy);
      start = [event.clientX, event.clientY];
      if (moved <= DRAG) return;
      if (this.shape === "flat") {
        const unit = (2 * this.half(1 / (2 * this.tall))) / this.zoom / this.canvas.clientHeight;
        this.move(-dx * unit, dy * unit);
      } else {
        this.rotate((mirror * dx) / 120, dy / 120);
      }
    });
    this.canvas.addEventListener("pointerup", (event) => {
      const box = this.canvas.getBoundingClientRect();
      if (start && moved <= DRAG) this.chosen(this.at(event.clientX - box.left, event.clientY - box.top));
      start = null;
    });
    this.canvas.addEventListener("keydown", (event) => {
      const turns = { ArrowLeft: [-0.2, 0], ArrowRight: [0.2, 0], ArrowUp: [0, -0.2], ArrowDown: [0, 0.2] };
      if (event.key in turns) this.rotate(...turns[event.key]);
      else if (event.key === "+") this.enlarge(1.2);
      else if (event.key === "-") this.enlarge(1 / 1.2);
      else return;
      event.preventDefault();
    });
  }

  enlarge(factor) {
    this.zoom = Math.min(6, Math.max(1, this.zoom * factor));
    this.move(0, 0);
  }

  // Buttons under the canvas, and the fields that choose a target without a mouse.
  buttons() {
    const shapes = this.names.map((name) => [name[0].toUpperCase() + name.slice(1), () => this.reshape(name), name]);
    return [
      ...(shapes.length > 1 ? shapes : []),
      ["Turn left", () => this.rotate(-0.4, 0)],
      ["Turn right", () => this.rotate(0.4, 0)],
      ["From above", () => this.see(1)],
      ["From below", () => this.see(-1)],
      ["Larger", () => this.enlarge(1.2)],
      ["Smaller", () => this.enlarge(1 / 1.2)],
      ["Reset", () => this.reset()],
    ];
  }

  reshape(name) {
    this.shape = name;
    this.pole = false;
    this.draw();
  }

  fields() {
    return [
      ["Hemisphere", ["left", "right"]],
      ["Vertex", { min: 0, max: this.hemispheres[0].count - 1, step: 1 }],
    ];
  }

  // The target of the fields, and the other way round.
  targetOf([side, vertex]) {
    return this.hemispheres[side === "left" ? 0 : 1].first + vertex;
  }

  fieldsOf(target) {
    const one = this.hemispheres[target < this.hemispheres[0].count ? 0 : 1];
    return [one.side, target - one.first];
  }

  fieldsHere() {
    return this.fieldsOf(0);
  }
}
