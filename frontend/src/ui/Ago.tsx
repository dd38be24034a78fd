/** A moment as "3 hours ago", exact on hover; all of them on the page tick together. */
import { Text, type TextProps, Tooltip } from "@mantine/core";
import { ago } from "../lib/format";
import { useNow } from "./useNow";

export function Ago({ at, ...text }: { at: string } & TextProps) {
  const now = useNow(30_000);
  return (
    <Tooltip label={new Date(at).toLocaleString()}>
      <Text component="time" dateTime={at} inherit {...text}>
        {ago(at, now)}
      </Text>
    </Tooltip>
  );
}
