/** All addresses of the page. Heavy pages (the editor brings ONNX Runtime along) load on first visit. */
import { createBrowserRouter } from "react-router";

export const router = createBrowserRouter([
  {
    path: "/datasets/:datasetId/annotate",
    lazy: async () => ({ Component: (await import("../features/annotate/AnnotatePage")).AnnotatePage }),
  },
]);
