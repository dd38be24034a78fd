/** Shown for the moment before the first page is there. */
import { Center, Loader } from "@mantine/core";

export function Splash() {
  return (
    <Center h="100dvh">
      <Loader aria-label="Loading" />
    </Center>
  );
}
