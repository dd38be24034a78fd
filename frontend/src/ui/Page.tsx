/** The measure and padding of every page but the full ones. Narrow pages begin at the same edge as wide ones. */
import { Box } from "@mantine/core";
import type { ReactNode } from "react";

export function Page({ children, width = 1280 }: { children: ReactNode; width?: number }) {
  return (
    <Box maw={1280} mx="auto" px={{ base: "md", sm: "xl" }} py="xl">
      <Box maw={width}>{children}</Box>
    </Box>
  );
}
