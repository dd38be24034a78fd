/** Colours, type and component defaults of the whole page. */
import { createTheme } from "@mantine/core";

export const theme = createTheme({ primaryColor: "cyan", defaultRadius: "md", respectReducedMotion: true });
