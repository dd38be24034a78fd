/** What cannot wait: signed out, a lost lease, a mask that was changed elsewhere. */
import { Alert, Button, Group, Modal, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { messageOf } from "../../../api/problem";
import { useUser } from "../../../api/session";
import { plural } from "../../../lib/format";
import { useSession, useSessionState } from "../context";
import { signIn } from "../http";
import type { Stuck } from "../sync/queue";

/** Signs in without leaving the page; what waits is sent afterwards. */
export function SignInDialog() {
  const session = useSession();
  const user = useUser();
  const pending = useSessionState((s) => s.save.pending);
  const [password, setPassword] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await signIn(user.email, password);
      session.retry();
    } catch (thrown) {
      setError(messageOf(thrown));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Modal opened onClose={() => undefined} withCloseButton={false} title="Please sign in again">
      <form onSubmit={(event) => void submit(event)}>
        <Stack gap="sm">
          <Text size="sm">
            Your sign-in has run out.{" "}
            {pending > 0
              ? `${plural(pending, "change")} waiting in this browser will be saved then; nothing is lost.`
              : ""}
          </Text>
          <TextInput label="Email" value={user.email} readOnly autoComplete="username" />
          <PasswordInput
            label="Password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            autoComplete="current-password"
            data-autofocus
            error={error}
          />
          <Button type="submit" loading={busy} disabled={password === ""}>
            Sign in
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}

export function LeaseDialog() {
  const session = useSession();
  const pending = useSessionState((s) => s.save.pending);
  return (
    <Modal opened onClose={() => undefined} withCloseButton={false} title="This image is not yours any more">
      <Stack gap="sm">
        <Text size="sm">
          Its lease ran out while you were away, or it was finished elsewhere. What was saved is kept.
          {pending > 0
            ? ` ${plural(pending, "change")} could not be saved yet and will be tried when the image is yours again.`
            : ""}
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => void session.open(null)}>
            Next image
          </Button>
          <Button onClick={() => void session.reopen()} data-autofocus>
            Take this image again
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

const TITLES: Record<Stuck["code"], string> = {
  stale_revision: "This mask was changed elsewhere",
  lease_lost: "Somebody else has this image now",
  refused: "The server refused this mask",
};

/** One stuck write at a time; the others wait behind it. */
export function StuckDialog({ stuck }: { stuck: Stuck }) {
  const session = useSession();
  const stale = stuck.code === "stale_revision";
  return (
    <Modal opened onClose={() => undefined} withCloseButton={false} title={TITLES[stuck.code]} data-testid="stuck">
      <Stack gap="sm">
        <Text size="sm">
          A change to a mask of {stuck.write.imageName} was not saved. It is kept in this browser until you decide.
        </Text>
        <Alert color="orange" variant="light">
          {stuck.message}
        </Alert>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => void session.takeTheirs(stuck)}>
            {stale ? (stuck.current ? "Take the server's" : "Leave it deleted") : "Give up my change"}
          </Button>
          <Button onClick={() => void session.keepMine(stuck)} data-autofocus>
            {stale ? "Keep mine" : "Try again"}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
