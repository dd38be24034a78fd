/** What the sidebar offers, by role and dataset. Pure, so that it can be tested. */
import {
  type Icon,
  IconBoxModel2,
  IconChecklist,
  IconFileExport,
  IconLayoutGrid,
  IconPhoto,
  IconPointer,
  IconRefreshDot,
  IconSettings,
  IconStack2,
  IconUsers,
} from "@tabler/icons-react";
import { atLeast, type RoleName } from "../lib/roles";

export interface NavItem {
  to: string;
  label: string;
  icon: Icon;
  /** Active only at exactly this address. */
  exact?: boolean;
  needs: RoleName;
}

export function datasetNavigation(datasetId: string, role: RoleName): NavItem[] {
  const base = `/datasets/${datasetId}`;
  const items: NavItem[] = [
    { to: base, label: "Overview", icon: IconPhoto, exact: true, needs: "annotator" },
    { to: `${base}/annotate`, label: "Annotate", icon: IconPointer, needs: "annotator" },
    { to: `${base}/review`, label: "Review", icon: IconChecklist, needs: "reviewer" },
    { to: `${base}/rounds`, label: "Rounds & stages", icon: IconRefreshDot, needs: "annotator" },
    { to: `${base}/exports`, label: "Exports", icon: IconFileExport, needs: "annotator" },
    { to: `${base}/settings`, label: "Settings", icon: IconSettings, needs: "admin" },
  ];
  return items.filter((item) => atLeast(role, item.needs));
}

export function globalNavigation(role: RoleName): NavItem[] {
  const items: NavItem[] = [
    { to: "/datasets", label: "Datasets", icon: IconLayoutGrid, exact: true, needs: "annotator" },
    { to: "/models", label: "Models", icon: IconBoxModel2, needs: "annotator" },
    { to: "/jobs", label: "Jobs", icon: IconStack2, needs: "annotator" },
    { to: "/users", label: "Users", icon: IconUsers, needs: "admin" },
  ];
  return items.filter((item) => atLeast(role, item.needs));
}
