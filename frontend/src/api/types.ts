/** The API's shapes under the project's words. Everything outside src/api names them from here. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type User = Schemas["User"];
export type Role = User["role"];
export type ApiToken = Schemas["ApiToken"];
export type Dataset = Schemas["Dataset"];
export type DatasetUpdate = Schemas["DatasetUpdate"];
export type Policy = Schemas["Policy"];
export type ReviewMode = Dataset["review_mode"];
export type Stage = 1 | 2 | 3;
export type Image = Schemas["Image"];
export type ImageFilter = "all" | "todo" | "done" | "broken";
export type Job = Schemas["Job"];
export type JobState = Job["state"];
export type Model = Schemas["Model"];
export type Rle = Schemas["Rle"];
export type Mask = Schemas["Mask"];
export type MaskPut = Schemas["MaskPut"];
export type Task = Schemas["Task"];
export type ReviewItem = Schemas["ReviewItem"];
export type ReviewStatus = "pending" | "rejected" | "approved";
export type Round = Schemas["Round"];
export type StageGate = Schemas["StageGate"];
export type StageChange = Schemas["StageChange"];
export type Generation = Schemas["Generation"];
export type Export = Schemas["Export"];
export type RoundInsight = Schemas["RoundInsight"];
