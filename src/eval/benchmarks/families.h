// The eight families, one source file each.
#pragma once

#include "eval/benchmark.h"

namespace cobra::eval {

const Benchmark& vqa_v2();
const Benchmark& gqa();
const Benchmark& vizwiz();
const Benchmark& text_vqa();
const Benchmark& vsr();
const Benchmark& pope();
const Benchmark& tally_qa();
const Benchmark& refcoco();

}  // namespace cobra::eval
