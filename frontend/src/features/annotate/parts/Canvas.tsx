/** The place of the editor's canvases. */
import { useEffect, useRef } from "react";
import classes from "../annotate.module.css";
import { useSession } from "../context";

export function Canvas() {
  const session = useSession();
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => (host.current ? session.editor.mount(host.current) : undefined), [session]);
  return <div ref={host} className={classes.host} role="application" aria-label="Image. Press ? for the shortcuts." />;
}
