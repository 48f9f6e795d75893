// What is asked about a training picture: whole conversations in LLaVA's format.
#pragma once

#include <vector>

#include "data/example.h"
#include "scenes/illusion.h"
#include "scenes/scene.h"

namespace cobra::scenes {

/// One of: short answers to the pinned request of VQA-v2 and POPE, statements judged as VSR asks, whole
/// sentences, look-ups, a caption and questions after it. The first turn has the picture and the request; the
/// later turns are bare questions.
std::vector<data::Turn> conversation(const Scene& scene, SplitMix& random);
std::vector<data::Turn> conversation(const Illusion& illusion, SplitMix& random);
/// The caption alone: every word of it must be seen, where a question tells much of the answers to the
/// others.
std::vector<data::Turn> captioned(const Scene& scene, SplitMix& random);
/// What is where: all objects by rows and columns.
std::vector<data::Turn> placed(const Scene& scene, SplitMix& random);
/// What must be found by its name: where one object is, where it is seen from another, statements, presence.
std::vector<data::Turn> looked_up(const Scene& scene, SplitMix& random);
/// What must be found and then compared: presence, where one object is seen from another, statements.
std::vector<data::Turn> compared(const Scene& scene, SplitMix& random);

}  // namespace cobra::scenes
