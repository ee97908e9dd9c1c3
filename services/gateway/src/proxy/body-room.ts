/** Why reading of a body stopped. */
export type NoRoom = 'rate_limited' | 'unavailable';

/** Memory taken by one body. */
export interface Place {
  /** Takes more bytes; returns the reason if there is no room for them. */
  readonly grow: (bytes: number) => NoRoom | null;
  /** The body is complete: it is no longer given up for another body. */
  readonly whole: () => void;
  /** Gives back all bytes. Safe to repeat. */
  readonly release: () => void;
}

interface Body {
  bytes: number;
  readonly stop: () => void;
}

interface Bodies {
  bytes: number;
  readonly reading: Set<Body>;
  readonly all: Set<Body>;
}

/**
 * Limits the bytes of bodies held in memory, from the first byte read until the service has answered. There is a limit per caller
 * and one for all callers together. If the latter is reached, the longest-read body of the caller that holds the most is given up.
 */
export class BodyRoom {
  private readonly callers = new Map<string, Bodies>();
  private bytes = 0;

  constructor(
    private readonly ofCaller: number,
    private readonly inAll: number,
  ) {}

  /** @param stop called when the body is given up for another one */
  place(caller: string, stop: () => void): Place {
    const bodies = this.callers.get(caller) ?? { bytes: 0, reading: new Set(), all: new Set() };
    this.callers.set(caller, bodies);
    const body: Body = { bytes: 0, stop };
    bodies.reading.add(body);
    bodies.all.add(body);
    return {
      grow: (bytes) => {
        if (bodies.bytes + bytes > this.ofCaller) return 'rate_limited';
        while (this.bytes + bytes > this.inAll) if (!this.makeRoom(bodies, bytes)) return 'unavailable';
        this.add(bodies, body, bytes);
        return null;
      },
      whole: () => void bodies.reading.delete(body),
      release: () => {
        if (!bodies.all.delete(body)) return;
        bodies.reading.delete(body);
        this.add(bodies, body, -body.bytes);
        if (bodies.all.size === 0) this.callers.delete(caller);
      },
    };
  }

  private add(bodies: Bodies, body: Body, bytes: number): void {
    body.bytes += bytes;
    bodies.bytes += bytes;
    this.bytes += bytes;
  }

  /** Gives up a body of a caller that holds more than the requesting caller would hold. */
  private makeRoom(needs: Bodies, bytes: number): boolean {
    let most: Bodies | null = null;
    for (const bodies of this.callers.values()) {
      if (bodies.reading.size > 0 && bodies.bytes > (most?.bytes ?? needs.bytes + bytes)) most = bodies;
    }
    const [oldest] = most?.reading ?? [];
    oldest?.stop();
    return oldest !== undefined;
  }
}
