import { Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { AllianceClock } from '#libs/kernel';
import { Job } from './job.js';

/** Jobs of a service: they start with it, and its shutdown waits for their runs. Inject it in a constructor. */
@Injectable()
export class Jobs implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly jobs: Job[] = [];

  constructor(private readonly clock: AllianceClock) {}

  onApplicationBootstrap(): void {
    for (const job of this.jobs) job.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.jobs.map((job) => job.stop()));
  }

  /** Adds work that runs every `ms` milliseconds. */
  every(ms: number, name: string, work: (stopping: AbortSignal) => Promise<unknown>): Job {
    const job = new Job(name, ms, work);
    this.jobs.push(job);
    return job;
  }

  /**
   * Adds work that the alliance's time makes due. It also runs at each change of the clock, and not before the clock is known: in a sandbox
   * frozen in the past, all waiting work would be due by real time.
   */
  due(ms: number, name: string, work: (stopping: AbortSignal) => Promise<unknown>): Job {
    const job = this.every(ms, name, (stopping) => (this.clock.known ? work(stopping) : Promise.resolve()));
    this.clock.onChange(() => void job.attempt());
    return job;
  }
}
