// What an answer says when it isn't the one that was asked for: RFC 9457, or no answer at all.

export class Problem extends Error {
  constructor(
    /** 0 where nobody answered. */
    readonly status: number,
    message: string,
    /** The parameter that was not understood, */
    readonly parameter?: string,
    /** where in its value, in characters from 1, */
    readonly position?: number,
    /** and what may have been meant. */
    readonly suggestion?: string,
  ) {
    super(message);
  }

  /** Whether the same request may succeed in a moment. */
  get passes(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }

  /** Whether somebody has to log in, or has too few rights. */
  get refused(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

/** The problem that an answer's body, or a part of one, says. */
export function problemIn(body: Record<string, unknown>, status = 0): Problem {
  const { detail, title, parameter, position, suggestion } = body as Record<string, string | undefined>;
  const words = detail ?? title ?? `status ${status}`;
  return new Problem(
    Number(body.status ?? status),
    words,
    parameter,
    position === undefined ? undefined : Number(position),
    suggestion,
  );
}

export async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => "");
  try {
    return problemIn(JSON.parse(text), response.status);
  } catch {
    return new Problem(response.status, text.slice(0, 300) || response.statusText || `status ${response.status}`);
  }
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, error instanceof Error ? error.message : String(error));
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
