export {
  AmbientLight, BufferAttribute, BufferGeometry, ColorManagement, DirectionalLight, DoubleSide, LinearSRGBColorSpace,
  Matrix4, Mesh, MeshBasicMaterial, MeshLambertMaterial, OrthographicCamera, Raycaster, Scene, SphereGeometry, Vector2,
  Vector3, WebGLRenderer,
} from "three";
