/** The API's shapes under the project's words. Everything outside src/api names them from here. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type User = Schemas["UserOut"];
export type Role = User["role"];
export type ApiToken = Schemas["ApiTokenOut"];
export type Dataset = Schemas["DatasetOut"];
export type DatasetUpdate = Schemas["DatasetUpdate"];
export type Policy = Schemas["PolicyOut"];
export type ReviewMode = Dataset["review_mode"];
export type Image = Schemas["ImageOut"];
export type ImageFilter = "all" | "todo" | "done" | "broken";
export type Job = Schemas["JobOut"];
export type JobState = Job["state"];
export type Model = Schemas["ModelOut"];
export type Rle = Schemas["RleOut"];
export type Mask = Schemas["MaskOut"];
export type MaskPut = Schemas["MaskIn"];
export type Task = Schemas["TaskOut"];
export type ReviewItem = Schemas["ReviewItem"];
export type ReviewStatus = "pending" | "rejected" | "approved";
export type Round = Schemas["RoundOut"];
export type StageGate = Schemas["GateOut"];
export type StageChange = Schemas["StageChangeOut"];
export type Stages = Schemas["StagesOut"];
export type Generation = Schemas["GenerationOut"];
export type Export = Schemas["ExportOut"];
export type Insights = Schemas["InsightsOut"];
export type RoundFigures = Schemas["RoundFigures"];
export type RecordedRun = Schemas["RecordedRun"];
