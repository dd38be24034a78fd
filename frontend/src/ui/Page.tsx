/** The measure and padding every page but the editor uses. */
import { Box } from "@mantine/core";
import type { ReactNode } from "react";

export function Page({ children, width = 1280 }: { children: ReactNode; width?: number }) {
  return (
    <Box maw={width} mx="auto" px={{ base: "md", sm: "xl" }} py="xl">
      {children}
    </Box>
  );
}
