// Several conversations at once: one read of the weights serves them all.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cobra/session.h"

namespace cobra {

/// Reads a prompt into each session, as Session::read_tokens does one by one: the states and logits are the
/// same bits. An empty prompt leaves its session alone. Throws Error, before anything is read, for sessions
/// of different models, a session that stands twice, is null or of no more use, more or fewer prompts than
/// sessions, or an id or a chunk out of range. One thread at a time for all the sessions.
void read_tokens(std::span<Session* const> sessions, std::span<const std::vector<int32_t>> prompts,
                 int64_t chunk = 0);

/// Reads one generated token into each session, as Session::step does: the same bits. Errors as above.
/// Allocates nothing once a batch of this size has been stepped.
void step(std::span<Session* const> sessions, std::span<const int32_t> ids);

}  // namespace cobra
