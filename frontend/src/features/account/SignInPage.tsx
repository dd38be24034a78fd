/** The door. After it, back to where the person wanted to go. */
import { Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Navigate, useSearchParams } from "react-router";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { sessionQuery } from "../../api/queries";
import { DoorCard } from "../../ui/DoorCard";
import { FormError } from "../../ui/FormError";
import { useAction } from "../../ui/useAction";
import { keepOneTime } from "./oneTime";
import { safeNext } from "./safeNext";

export function SignInPage() {
  const queryClient = useQueryClient();
  const session = useQuery(sessionQuery);
  const [parameters] = useSearchParams();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");

  const signIn = useAction({
    run: () => unwrap(api.POST("/api/session", { body: { email: email.trim(), password } })),
    quiet: true,
    onDone: (user) => {
      keepOneTime(user.must_change_password ? password : "");
      queryClient.setQueryData(keys.session, user);
    },
  });

  if (session.data) return <Navigate to={safeNext(parameters.get("next"))} replace />;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };

  return (
    <DoorCard title="Sign in" text="Label images, retrain the model, generate masks.">
      <form onSubmit={submit}>
        <Stack gap="sm">
          <TextInput
            label="E-mail"
            type="email"
            name="email"
            autoComplete="username"
            required
            autoFocus
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            name="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <FormError error={signIn.error} />
          <Button type="submit" fullWidth mt={4} loading={signIn.isPending}>
            Sign in
          </Button>
        </Stack>
      </form>
    </DoorCard>
  );
}
