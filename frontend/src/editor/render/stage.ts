/**
 * Four canvases on top of each other, each redrawn only when what it shows has changed: image, masks, overlay, cursor. Sizes follow
 * the host element and the device's pixel ratio.
 */
import type { Camera } from "../../geometry/camera";
import type { ImagePoint, Size } from "../../geometry/points";
import { MaskLayer, type MaskStyle } from "./masks";
import { drawOverlay, drawRing, type Overlay } from "./overlay";

const LAYERS = ["image", "masks", "overlay", "cursor"] as const;
export type Layer = (typeof LAYERS)[number];

export type Ring = { readonly at: ImagePoint; readonly radius: number; readonly erase: boolean };

/** Everything on screen; asked for at the start of each frame. */
export type Scene = {
  readonly camera: Camera;
  readonly image: CanvasImageSource | null;
  readonly overlay: Overlay;
  readonly masks: MaskStyle & { readonly visible: boolean };
  readonly ring: Ring | null;
};

/** Who owns the stage: knows what to draw, and follows its size. */
export type StageHost = { scene(): Scene; resized(view: Size): void };

export class Stage {
  private readonly contexts = new Map<Layer, CanvasRenderingContext2D>();
  private readonly dirty = new Set<Layer>(LAYERS);
  private readonly maskLayer = new MaskLayer();
  private readonly observer: ResizeObserver;
  private frame = 0;
  private dpr = 1;
  /** Takes the pointer; the topmost canvas. */
  readonly surface: HTMLCanvasElement;
  view: Size = { h: 1, w: 1 };

  constructor(
    private readonly host: HTMLElement,
    private readonly owner: StageHost,
  ) {
    for (const layer of LAYERS) {
      const canvas = document.createElement("canvas");
      canvas.dataset.testid = layer === "cursor" ? "editor-canvas" : `editor-${layer}`;
      Object.assign(canvas.style, {
        position: "absolute",
        inset: "0",
        width: "100%",
        height: "100%",
        touchAction: "none",
      });
      host.append(canvas);
      const context = canvas.getContext("2d");
      if (context) this.contexts.set(layer, context);
    }
    this.surface = host.lastElementChild as HTMLCanvasElement;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(host);
    this.resize();
  }

  /** Asks for a redraw of some layers in the next frame. */
  invalidate(...layers: Layer[]): void {
    for (const layer of layers) this.dirty.add(layer);
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  /** The camera moved: everything is elsewhere. */
  moved(): void {
    this.invalidate(...LAYERS);
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.host.replaceChildren();
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.host;
    if (clientWidth === 0 || clientHeight === 0) return;
    this.dpr = window.devicePixelRatio || 1;
    this.view = { h: clientHeight, w: clientWidth };
    for (const { canvas } of this.contexts.values()) {
      canvas.width = Math.round(clientWidth * this.dpr);
      canvas.height = Math.round(clientHeight * this.dpr);
    }
    this.owner.resized(this.view);
    // A resized canvas is empty; drawing in the same turn spares a flash.
    for (const layer of LAYERS) this.dirty.add(layer);
    this.draw();
  }

  private draw(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const scene = this.owner.scene();
    for (const layer of this.dirty) {
      const context = this.contexts.get(layer);
      if (!context) continue;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, context.canvas.width, context.canvas.height);
      this.drawLayer(layer, context, scene);
    }
    this.dirty.clear();
  }

  private drawLayer(layer: Layer, context: CanvasRenderingContext2D, scene: Scene): void {
    const { camera, overlay } = scene;
    const { doc } = overlay;
    if (layer === "image") this.drawImage(context, scene);
    else if (layer === "masks" && scene.masks.visible)
      this.maskLayer.draw(context, doc.masks, doc.size, camera, this.dpr, scene.masks);
    else if (layer === "overlay") drawOverlay(context, overlay, camera, this.dpr);
    else if (layer === "cursor" && scene.ring)
      drawRing(context, scene.ring.at, scene.ring.radius, scene.ring.erase, camera, this.dpr);
  }

  private drawImage(context: CanvasRenderingContext2D, { camera, image, overlay }: Scene): void {
    if (!image) return;
    const k = camera.scale * this.dpr;
    context.setTransform(k, 0, 0, k, camera.x * this.dpr, camera.y * this.dpr);
    // Enlarged far enough, pixels should look like pixels.
    context.imageSmoothingEnabled = k < 3;
    context.imageSmoothingQuality = k < 1 ? "high" : "low";
    context.drawImage(image, 0, 0, overlay.doc.size.w, overlay.doc.size.h);
  }
}
