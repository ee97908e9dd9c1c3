import { Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { AllianceClock } from '#libs/kernel';
import { Job } from './job.js';

/** The jobs of a service: they start with it, and its end waits for their runs. Ask for them in a constructor. */
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

  /** Work of every `ms` milliseconds. */
  every(ms: number, name: string, work: (stopping: AbortSignal) => Promise<unknown>): Job {
    const job = new Job(name, ms, work);
    this.jobs.push(job);
    return job;
  }

  /**
   * Work that the alliance's time makes due: also done at each change of its clock, and not before the clock is known, as by real time all that
   * waits in a sandbox which stands still in the past would fall due.
   */
  due(ms: number, name: string, work: (stopping: AbortSignal) => Promise<unknown>): Job {
    const job = this.every(ms, name, (stopping) => (this.clock.known ? work(stopping) : Promise.resolve()));
    this.clock.onChange(() => void job.attempt());
    return job;
  }
}
