/** After a one-time password: choose an own one before anything else. */
import { useUser } from "../api/session";
import { PasswordForm } from "../features/account/PasswordForm";
import { DoorCard } from "../ui/DoorCard";

export function ForcedPassword() {
  const user = useUser();
  return (
    <DoorCard
      title="Choose your password"
      text={`Welcome, ${user.name}. The one-time password works only for this step.`}
    >
      <PasswordForm oneTime />
    </DoorCard>
  );
}
