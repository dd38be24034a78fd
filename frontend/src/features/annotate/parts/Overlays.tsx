/** What floats above the image: the state of the decoder, hints, and the candidates to choose from. */
import { Button, Loader, SegmentedControl, Text } from "@mantine/core";
import { IconAlertTriangle, IconClockHour4, IconSparkles } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { choose } from "../../../editor/actions";
import { awaitsAnswer, foundNothing } from "../../../editor/document";
import { afterMissingFile } from "../../../lib/newVersion";
import classes from "../annotate.module.css";
import { useSession, useSessionState } from "../context";
import { keepFocus } from "./keep";

/** The decoder's files may be gone because this page is older than the server. */
function DecoderFailed({ message }: { message: string }) {
  const session = useSession();
  const [updated, setUpdated] = useState(false);
  useEffect(() => void afterMissingFile().then((outcome) => setUpdated(outcome === "reloading")), []);
  return (
    <div className={classes.bubble} role="alert">
      <IconAlertTriangle size={18} color="var(--mantine-color-red-6)" style={{ flex: "none" }} />
      <Text size="sm">
        {updated ? "Maskloom was updated. The new version is being loaded; nothing is lost." : message}
      </Text>
      {!updated && (
        <Button size="compact-xs" variant="default" onClick={() => void session.reopen()}>
          Try again
        </Button>
      )}
    </div>
  );
}

function DecoderNotice() {
  const decoder = useSessionState((s) => s.decoder);
  const waits = useSessionState((s) => awaitsAnswer(s.doc.draft));
  if (decoder.kind === "ready") return null;
  if (decoder.kind === "failed") return <DecoderFailed message={decoder.message} />;
  if (decoder.kind === "none") {
    return (
      <div className={classes.bubble}>
        <Text size="sm">
          This dataset has no model, so clicks find nothing. Brush (B) and eraser (E) work; an admin can activate a
          model.
        </Text>
      </div>
    );
  }
  const text = decoder.kind === "loading" ? "Loading the decoder" : "The server is preparing this image";
  return (
    <div className={classes.bubble} data-testid="decoder-waiting" role="status">
      <Loader size={16} />
      <Text size="sm">
        {text}.{" "}
        {waits ? "Your click is kept and answered as soon as it is ready." : "Brush (B) and eraser (E) work already."}
      </Text>
    </div>
  );
}

export function TopNotices() {
  const session = useSession();
  const hint = useSessionState((s) => s.hint);
  const newModel = useSessionState((s) => s.newModel);
  const nothing = useSessionState((s) => foundNothing(s.doc.draft));
  return (
    <div className={classes.overlayTop}>
      <DecoderNotice />
      {newModel && (
        <div className={classes.bubble} data-testid="new-model">
          <IconSparkles size={18} color="var(--mantine-color-loom-6)" style={{ flex: "none" }} />
          <Text size="sm">Another model is active now. It is used from the next image on.</Text>
          <Button {...keepFocus} size="compact-xs" variant="light" onClick={() => void session.switchModel()}>
            Use it now
          </Button>
        </div>
      )}
      {nothing && (
        <div className={classes.bubble} data-testid="found-nothing">
          <Text size="sm">
            The model finds nothing for these clicks. Undo one, click elsewhere, or use the brush (B).
          </Text>
        </div>
      )}
      {hint && (
        <div className={classes.bubble} data-testid="hint-30s">
          <IconClockHour4 size={18} color="var(--mantine-color-orange-6)" style={{ flex: "none" }} />
          <Text size="sm">Over 30 s on this object: accept it as it is, or move to the next object or image.</Text>
        </div>
      )}
    </div>
  );
}

export function Candidates() {
  const { editor } = useSession();
  const draft = useSessionState((s) => s.doc.draft);
  const answers = draft?.answers;
  if (!draft || !answers || answers.length < 2) return null;
  return (
    <div className={classes.overlayBottom}>
      <div className={classes.bubble} data-testid="candidates">
        <Text size="xs" c="var(--ink-soft)">
          Candidates (Tab)
        </Text>
        <SegmentedControl
          {...keepFocus}
          value={draft.painted ? "" : `${draft.chosen}`}
          onChange={(value) => editor.apply(choose(Number(value)))}
          data={answers.map((answer, i) => ({ value: `${i}`, label: `${i + 1} · ${answer.predictedIou.toFixed(2)}` }))}
        />
      </div>
    </div>
  );
}
