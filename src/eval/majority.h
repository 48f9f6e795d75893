// What a model that always gives the same answer would score: the floor beside which a score is read.
#pragma once

#include "eval/dataset.h"
#include "eval/results.h"

namespace cobra::eval {

/// Results in which every question has one and the same answer. Closed set: the answer with the best headline
/// number. Open: the most frequent field "answer" of the index (the first in alphabetical order where several
/// are). Throws Error for an index without such a field.
Results majority_results(const Dataset& dataset);

}  // namespace cobra::eval
