// Activations in the chunks that BlockProduct reads.
#pragma once

#include "kernels/kernels.h"

namespace cobra {

/// Groups [begin, end) of `R` rows of x in bfloat16, to where they belong in out [groups][K/32][R][32]; what
/// lies past the last row or column is zeros.
void to_chunks(const KernelTable& table, const LinearView<const float>& x, int64_t R, int64_t begin,
               int64_t end, BFloat16* out);

}  // namespace cobra
