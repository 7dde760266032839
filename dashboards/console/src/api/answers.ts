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
  authenticated: boolean;
  name: string | null;
  tenant: string | null;
  access: string | null;
  login: { token: boolean; oidc: null | { issuer: string; client_id: string } };
}

export interface SqlAnswer {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  truncated: boolean;
  elapsed_ms: number;
}

export interface Failover {
  at: string;
  namespace: string | null;
  cluster: string | null;
  pod: string | null;
  was: string | null;
  source: string;
}

export interface FleetPod {
  pod: string | null;
  role: string | null;
  node: string | null;
  last_seen: string;
  lag_s: number | null;
  rows_per_minute: number;
  errors_per_minute: number;
}

export interface FleetCluster {
  namespace: string | null;
  cluster: string | null;
  last_seen: string;
  rows_per_minute: number;
  errors_per_minute: number;
  last_failover: Failover | null;
  pods: FleetPod[];
}

export interface Store {
  database_bytes: number;
  tables: { table: string; total_bytes: number; index_bytes: number; rows_estimate: number | null }[];
  chunks: {
    table: string;
    chunk: string;
    from: string;
    to: string;
    rows_estimate: number | null;
    total_bytes: number;
    index_bytes: number;
    is_sealed: boolean;
    sealed_at: string | null;
    seal_error: string | null;
    is_compressed: boolean;
  }[];
  retention: {
    namespace: string | null;
    cluster: string | null;
    max_age: string | null;
    rejected_max_age: string | null;
    max_bytes: number | null;
    min_free_bytes: number | null;
  }[];
  removed: {
    at: string;
    reason: string;
    what: string;
    table: string;
    namespace: string | null;
    cluster: string | null;
    rows: number | null;
    bytes: number | null;
    error: string | null;
  }[];
  rejected: Rejected[];
}

export interface Rejected {
  reason: string;
  count: number;
  last_seen: string;
  samples: {
    received_at: string;
    namespace: string | null;
    cluster: string | null;
    pod: string | null;
    path: string | null;
    stream: string;
    position: number;
    raw: string;
    bytes: number;
  }[];
}
