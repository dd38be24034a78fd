/** The reason a form was refused, announced to screen readers as it appears. */
import { Alert } from "@mantine/core";
import { messageOf } from "../api/problem";

export function FormError({ error }: { error: unknown }) {
  if (!error) return null;
  return (
    <Alert color="red" variant="light" role="alert" py="xs">
      {messageOf(error)}
    </Alert>
  );
}
