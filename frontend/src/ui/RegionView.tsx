/** A rectangle of an image with something drawn over it; the image is cut by the browser, so any source size will do. */
import type { ReactNode } from "react";
import type { Region } from "../lib/maskSample";

interface Props {
  src: string;
  alt: string;
  image: { width: number; height: number };
  region: Region;
  children?: ReactNode;
  lazy?: boolean;
}

const share = (part: number, whole: number) => `${(100 * part) / whole}%`;

export function RegionView({ src, alt, image, region, children, lazy = false }: Props) {
  return (
    <div style={{ position: "relative", width: "100%", height: "100%", overflow: "hidden" }}>
      <img
        src={src}
        alt={alt}
        loading={lazy ? "lazy" : "eager"}
        decoding="async"
        draggable={false}
        style={{
          position: "absolute",
          width: share(image.width, region.width),
          height: share(image.height, region.height),
          left: share(-region.x, region.width),
          top: share(-region.y, region.height),
          maxWidth: "none",
        }}
      />
      {children}
    </div>
  );
}
