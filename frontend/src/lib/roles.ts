/** annotator < reviewer < admin. The backend decides; the page only hides what would be refused. */

export type RoleName = "annotator" | "reviewer" | "admin";

const RANK: Record<RoleName, number> = { annotator: 0, reviewer: 1, admin: 2 };

export function atLeast(role: RoleName, needed: RoleName): boolean {
  return RANK[role] >= RANK[needed];
}
