/** The annotation page of one dataset: `/datasets/:datasetId/annotate`, with `?image=` for a certain image. */
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useEffect, useState } from "react";
import { useParams, useSearchParams } from "react-router";
import { isSignedOut } from "../../api/problem";
import { useUser } from "../../api/session";
import classes from "./annotate.module.css";
import { SessionContext, useSession, useSessionState } from "./context";
import { exposeHandle } from "./debug";
import { Blank } from "./parts/Blank";
import { Canvas } from "./parts/Canvas";
import { LeaseDialog, SignInDialog, StuckDialog } from "./parts/Dialogs";
import { HelpDialog } from "./parts/HelpDialog";
import { MaskPanel } from "./parts/MaskPanel";
import { Candidates, TopNotices } from "./parts/Overlays";
import { Toolbar } from "./parts/Toolbar";
import { TopBar } from "./parts/TopBar";
import { AnnotateSession } from "./session/session";
import { useShortcuts } from "./useShortcuts";

const notify = (message: string, kind: "info" | "error") =>
  void notifications.show({
    id: message,
    message,
    color: kind === "error" ? "red" : "blue",
    autoClose: kind === "error" ? 8_000 : 4_000,
  });

/** The address names the image at hand, so that a reload or a shared link comes back to it. */
function showInAddress(imageId: string): void {
  const address = new URL(window.location.href);
  if (address.searchParams.get("image") === imageId) return;
  address.searchParams.set("image", imageId);
  window.history.replaceState(window.history.state, "", address);
}

function useAnnotateSession(datasetId: string, userId: string): AnnotateSession | null {
  const [search] = useSearchParams();
  // Read once: from then on the session decides which image is open.
  const [firstImage] = useState(() => search.get("image"));
  const [session, setSession] = useState<AnnotateSession | null>(null);
  useEffect(() => {
    const created = new AnnotateSession({ datasetId, userId, notify });
    const hideHandle = exposeHandle(created);
    const unsubscribe = created.store.subscribe(({ phase, task }) => {
      if (phase === "working" && task) showInAddress(task.image.id);
    });
    setSession(created);
    void created.open(firstImage);
    return () => {
      unsubscribe();
      hideHandle();
      created.dispose();
    };
  }, [datasetId, userId, firstImage]);
  return session;
}

export function AnnotatePage() {
  const { datasetId = "" } = useParams();
  const user = useUser();
  const session = useAnnotateSession(datasetId, user.id);
  if (!session) return null;
  return (
    <SessionContext value={session}>
      <Workplace datasetId={datasetId} />
    </SessionContext>
  );
}

function Workplace({ datasetId }: { datasetId: string }) {
  const session = useSession();
  const phase = useSessionState((s) => s.phase);
  const [help, { open: openHelp, close: closeHelp }] = useDisclosure(false);
  const [list, { toggle: toggleList }] = useDisclosure(false);
  useShortcuts(session, openHelp);
  // Between two images the last one stays on screen, locked, so that nothing jumps.
  const between = useSessionState((s) => s.phase === "loading" && s.task !== null);
  const working = phase === "working" || phase === "finishing" || between;
  return (
    <>
      {working ? (
        <div className={classes.page} data-list={list} onPointerMove={() => session.clock.note()}>
          <TopBar onHelp={openHelp} listOpen={list} onToggleList={toggleList} />
          <Toolbar />
          <div className={classes.canvas}>
            <Canvas />
            <TopNotices />
            <Candidates />
          </div>
          <MaskPanel />
        </div>
      ) : (
        <Blank datasetId={datasetId} />
      )}
      <HelpDialog opened={help} onClose={closeHelp} />
      <Trouble />
    </>
  );
}

/** At most one dialog: whoever is signed out can decide nothing else. */
function Trouble() {
  const save = useSessionState((s) => s.save);
  const error = useSessionState((s) => s.error);
  const leaseLost = useSessionState((s) => s.leaseLost);
  if (save.status === "signed_out" || isSignedOut(error)) return <SignInDialog />;
  if (leaseLost) return <LeaseDialog />;
  const stuck = save.stuck[0];
  return stuck ? <StuckDialog key={`${stuck.write.maskId} ${stuck.write.revision}`} stuck={stuck} /> : null;
}
