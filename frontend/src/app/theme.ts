/** Colours, type and component defaults of the whole page: dense, calm, the same in light and dark. */
import {
  Alert,
  Badge,
  Button,
  Card,
  createTheme,
  Loader,
  type MantineColorsTuple,
  Menu,
  Modal,
  Paper,
  Progress,
  SegmentedControl,
  Select,
  Skeleton,
  Table,
  Tooltip,
} from "@mantine/core";

const loom: MantineColorsTuple = [
  "#e6f8f6",
  "#d4eeeb",
  "#aadcd7",
  "#7ccac2",
  "#56bab0",
  "#3eb0a5",
  "#2d9f95",
  "#1d887f",
  "#0c756d",
  "#005a53",
];

const dark: MantineColorsTuple = [
  "#d3d8de",
  "#b7bfc8",
  "#919ba7",
  "#66717e",
  "#38414b",
  "#2a313a",
  "#20262d",
  "#171c21",
  "#101418",
  "#0a0d10",
];

export const theme = createTheme({
  primaryColor: "loom",
  primaryShade: { light: 8, dark: 7 },
  colors: { loom, dark },
  autoContrast: true,
  respectReducedMotion: true,
  cursorType: "pointer",
  defaultRadius: "md",
  fontFamily: '"Inter Variable", system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, monospace',
  fontSizes: { xs: "0.75rem", sm: "0.8438rem", md: "0.9375rem", lg: "1.0625rem", xl: "1.25rem" },
  headings: {
    fontWeight: "620",
    sizes: {
      h1: { fontSize: "1.375rem", lineHeight: "1.3" },
      h2: { fontSize: "1.0625rem", lineHeight: "1.35" },
      h3: { fontSize: "0.9375rem", lineHeight: "1.4" },
    },
  },
  components: {
    Alert: Alert.extend({
      vars: (_, { color = "loom" }) => ({
        root: {
          "--alert-bg": `light-dark(var(--mantine-color-${color}-0), color-mix(in srgb, var(--mantine-color-${color}-9) 24%, transparent))`,
        },
      }),
    }),
    Badge: Badge.extend({ defaultProps: { variant: "light", radius: "sm", tt: "none", fw: 560 } }),
    Button: Button.extend({ defaultProps: { size: "sm" } }),
    Card: Card.extend({ defaultProps: { withBorder: true, radius: "md" } }),
    Paper: Paper.extend({ defaultProps: { radius: "md" } }),
    Loader: Loader.extend({ defaultProps: { size: "sm" } }),
    Menu: Menu.extend({ defaultProps: { shadow: "md", position: "bottom-end", withinPortal: true } }),
    Modal: Modal.extend({ defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.45, blur: 2 } } }),
    Progress: Progress.extend({ defaultProps: { size: "sm", radius: "xl" } }),
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: "xs" } }),
    Select: Select.extend({ defaultProps: { allowDeselect: false, checkIconPosition: "right" } }),
    Skeleton: Skeleton.extend({ defaultProps: { radius: "md" } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: "xs", horizontalSpacing: "md", highlightOnHover: true } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 300, withArrow: true, fz: "xs" } }),
  },
});
