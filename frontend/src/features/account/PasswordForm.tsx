/** Change the password; with `oneTime` the present one is the one-time password an admin handed over. */
import { Button, Group, PasswordInput, Stack } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { FormError } from "../../ui/FormError";
import { useAction } from "../../ui/useAction";
import { keepOneTime, oneTimePassword } from "./oneTime";
import { passwordProblem } from "./passwordRules";

export function PasswordForm({ oneTime = false }: { oneTime?: boolean }) {
  const queryClient = useQueryClient();
  // Typed at the sign-in a moment ago: not asked for again, unless it turns out to be refused.
  const [known, setKnown] = useState(oneTime ? oneTimePassword() : "");
  const [current, setCurrent] = useState(known);
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [problem, setProblem] = useState<string | null>(null);

  const change = useAction({
    run: () => unwrap(api.POST("/api/session/password", { body: { current_password: current, new_password: next } })),
    quiet: true,
    onFailed: () => {
      keepOneTime("");
      setKnown("");
    },
    done: "Your password is changed.",
    onDone: (user) => {
      keepOneTime("");
      setCurrent("");
      setNext("");
      setAgain("");
      queryClient.setQueryData(keys.session, user);
    },
  });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = passwordProblem(next, again, current);
    setProblem(found);
    if (!found) change.mutate();
  };

  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {!known && (
          <PasswordInput
            label={oneTime ? "One-time password" : "Present password"}
            autoComplete="current-password"
            required
            autoFocus={oneTime}
            value={current}
            onChange={(event) => setCurrent(event.currentTarget.value)}
          />
        )}
        <PasswordInput
          label="New password"
          autoComplete="new-password"
          required
          autoFocus={known !== ""}
          value={next}
          onChange={(event) => setNext(event.currentTarget.value)}
        />
        <PasswordInput
          label="New password again"
          autoComplete="new-password"
          required
          value={again}
          error={problem}
          onChange={(event) => setAgain(event.currentTarget.value)}
        />
        <FormError error={change.error} />
        <Group justify="flex-end" mt={4}>
          <Button type="submit" loading={change.isPending} fullWidth={oneTime}>
            {oneTime ? "Save and continue" : "Change password"}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
