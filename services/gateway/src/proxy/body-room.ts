/** Why a body is not read on. */
export type NoRoom = 'rate_limited' | 'unavailable';

/** What is kept of one body. */
export interface Place {
  /** Takes so many bytes more; when there is no room for them, why. */
  readonly grow: (bytes: number) => NoRoom | null;
  /** The body is there: it no longer makes room for another's. */
  readonly whole: () => void;
  /** Gives back what was taken; repeated, changes nothing. */
  readonly release: () => void;
}

interface Body {
  bytes: number;
  /** Stops the reading of it. */
  readonly stop: () => void;
}

interface Bodies {
  bytes: number;
  readonly reading: Set<Body>;
  readonly all: Set<Body>;
}

/**
 * The bytes of bodies under way: from the first one read until the service has answered. A caller may have so many, and all together
 * so many; beyond that, of the caller who holds the most, the body that has been read for longest is given up.
 */
export class BodyRoom {
  private readonly callers = new Map<string, Bodies>();
  private bytes = 0;

  constructor(
    private readonly ofCaller: number,
    private readonly inAll: number,
  ) {}

  /** @param stop called when the body has to make room for another's */
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

  /** Gives up a body of a caller who holds more than the one who needs room would then. */
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
