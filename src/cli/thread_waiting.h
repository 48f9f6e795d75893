// How long a thread that waits for another keeps its core.
#pragma once

namespace cobra {

/// A thread that waits spins for some thirty microseconds, which is enough where cores are free, instead of
/// libgomp's milliseconds: where another program wants the core, each of a token's hundreds of waits would
/// take that long (bench/NOTES.md). libgomp looks at the environment before main alone, so the program starts
/// itself anew, as `argv`, with GOMP_SPINCOUNT; returns where the user has said how to wait, or when that has
/// been done.
void bound_thread_waiting(char** argv);

}  // namespace cobra
