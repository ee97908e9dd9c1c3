function chain(error: unknown): unknown[] {
  const seen: unknown[] = [];
  let current = error;
  while (typeof current === 'object' && current !== null && !seen.includes(current) && seen.length < 8) {
    seen.push(current);
    current = Reflect.get(current, 'driverError') ?? Reflect.get(current, 'cause');
  }
  return seen;
}

/** The SQLSTATE of a failed statement (five characters), or null when the error has none. */
export function sqlState(error: unknown): string | null {
  for (const part of chain(error)) {
    const code: unknown = Reflect.get(part as object, 'code');
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E')) return code;
  }
  return null;
}

export function violatedConstraint(error: unknown): string | null {
  for (const part of chain(error)) {
    const constraint: unknown = Reflect.get(part as object, 'constraint');
    if (typeof constraint === 'string') return constraint;
  }
  return null;
}

const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENOENT',
]);
const LOST =
  /connection terminated|connection ended|client has encountered a connection error|timeout exceeded when trying to connect|not queryable|cannot use a pool|connection is closed|driver not connected/i;

/**
 * Whether the database could not be reached or went away: class 08 and 57P0x, socket errors, `pg`'s own messages. A server PANIC counts
 * too, whatever its SQLSTATE: it may occur within a commit, and the commit may be complete after the restart.
 */
export function isConnectionLoss(error: unknown): boolean {
  return chain(error).some((part) => {
    if (Reflect.get(part as object, 'severity') === 'PANIC') return true;
    const code: unknown = Reflect.get(part as object, 'code');
    if (
      typeof code === 'string' &&
      (SOCKET_CODES.has(code) || code.startsWith('08') || /^57P0[1-3]$/.test(code) || code === '53300')
    ) {
      return true;
    }
    const message: unknown = Reflect.get(part as object, 'message');
    return typeof message === 'string' && LOST.test(message);
  });
}

/** Whether repeating the whole transaction may succeed: serialization failure, deadlock, lock timeout. */
export function isTransient(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01' || state === '55P03';
}
