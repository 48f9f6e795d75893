// Conversations without a picture.
#pragma once

#include <vector>

#include "base/split_mix.h"
#include "data/example.h"

namespace cobra::scenes {

/// One to three questions and answers: greetings, what the model is, small sums, shapes and colours.
std::vector<data::Turn> small_talk(SplitMix& random);

}  // namespace cobra::scenes
