// The shapes of the API's answers, as /openapi.json describes them.

import type { Row } from "./row";

export interface Page {
  rows: Row[];
  next_cursor: string | null;
  previous_cursor: string | null;
}

export interface Bucket {
  time: string;
  total: number;
  severities: Record<string, number>;
}

export interface Histogram {
  from: string | null;
  to: string | null;
  step: number;
  total: number;
  buckets: Bucket[];
}

export interface Facet {
  field: string;
  distinct: number;
  values: { value: string | null; count: number }[];
}

export interface Facets {
  facets: Facet[];
}

export interface Context {
  before: Row[];
  row: Row;
  after: Row[];
}

export interface Pattern {
  pattern: string;
  error_severity: string | null;
  count: number;
  first_seen: string;
  last_seen: string;
  sample: Row;
}

export interface Patterns {
  patterns: Pattern[];
  examined: number;
  complete: boolean;
}

export interface Search {
  id: string;
  name: string;
  query: string;
  created_at: string;
  created_by: string | null;
}

export interface Me {
  authenticated?: boolean;
  tenant: string | null;
  access: "open" | "token" | "oidc";
  login: { token: boolean; oidc: null | { issuer: string; client_id: string } };
}

export interface SqlAnswer {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  truncated: boolean;
  elapsed_ms: number;
}
