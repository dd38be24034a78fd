/** The current camera over an image in a window of some size. It stays fitted until somebody moves it. */
import { type Camera, clampCamera, fitCamera, pan, toImage, zoomAt } from "../geometry/camera";
import { clamp, type ImageBox, type ScreenPoint, type Size, screenPoint } from "../geometry/points";

export class View {
  camera: Camera = { scale: 1, x: 0, y: 0 };
  private size: Size = { h: 1, w: 1 };
  private fitted = true;

  constructor(
    private readonly image: () => Size,
    private readonly onMove: () => void,
  ) {}

  fit(): void {
    this.move(fitCamera(this.image(), this.size), true);
  }

  /** Shows a part of the image, as large as the window lets it be. */
  show([x0, y0, x1, y1]: ImageBox): void {
    const { h, w } = this.image();
    const whole = x0 <= 0 && y0 <= 0 && x1 >= w && y1 >= h;
    const { scale, x, y } = fitCamera({ h: y1 - y0, w: x1 - x0 }, this.size, 0);
    const camera = { scale, x: x - x0 * scale, y: y - y0 * scale };
    if (whole) this.fit();
    else this.move(clampCamera(camera, this.image(), this.size), false);
  }

  /** Zooms about the middle of the window. */
  zoom(factor: number): void {
    this.zoomAt(screenPoint(this.size.w / 2, this.size.h / 2), factor);
  }

  zoomAt(at: ScreenPoint, factor: number): void {
    this.move(zoomAt(this.camera, at, factor, this.image(), this.size), false);
  }

  panBy(dx: number, dy: number): void {
    this.move(pan(this.camera, dx, dy, this.image(), this.size), false);
  }

  /** What of the image is on screen, in whole pixels, exclusive on the right and below. */
  visible(): ImageBox {
    const { h, w } = this.image();
    const first = toImage(this.camera, screenPoint(0, 0));
    const last = toImage(this.camera, screenPoint(this.size.w, this.size.h));
    const [left, top] = [clamp(Math.floor(first.x), 0, w - 1), clamp(Math.floor(first.y), 0, h - 1)];
    return [left, top, clamp(Math.ceil(last.x), left + 1, w), clamp(Math.ceil(last.y), top + 1, h)];
  }

  resized(size: Size): void {
    this.size = size;
    const camera = this.fitted ? fitCamera(this.image(), size) : clampCamera(this.camera, this.image(), size);
    this.move(camera, this.fitted);
  }

  private move(camera: Camera, fitted: boolean): void {
    this.camera = camera;
    this.fitted = fitted;
    this.onMove();
  }
}
