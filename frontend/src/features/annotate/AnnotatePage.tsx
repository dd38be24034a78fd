/** The annotation page of one dataset. */
export function AnnotatePage() {
  return null;
}
