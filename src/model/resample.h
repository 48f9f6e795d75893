// Position embeddings of another grid, as timm resamples them when it loads a published model.
// Source: timm 0.9.10 resample_abs_pos_embed -> torch's interpolate(mode="bicubic", antialias=True,
// align_corners=False) in float32; filter and window from torch's antialiased CPU kernel (a = -0.5).
#pragma once

#include <cstdint>
#include <vector>

namespace cobra {

/// `table` [prefix + from * from, width] -> [prefix + to * to, width]; the prefix rows are kept as they are.
std::vector<float> resample_positions(const std::vector<float>& table, int64_t prefix, int64_t from,
                                      int64_t to, int64_t width);

}  // namespace cobra
