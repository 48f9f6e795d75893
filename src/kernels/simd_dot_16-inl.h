// The products of simd_dot_16.cc over dot_pairs, which is declared before: included in the middle of that
// file, once for each way that a target has to multiply pairs.

/// Four columns of a vector of rows as unsigned 16 bits: bytes 0 and 1 of each lane in `first_two`, 2 and 3
/// in `last_two`. What is added: added_by_load.
template <class Fmt>
HWY_INLINE void load_pairs(const TileBlock& block, int group, int first, VI& first_two, VI& last_two) {
  const RowsI d;
  const Bytes d8;
  alignas(16) static constexpr uint8_t kFirst[16] = {0, 128, 1, 128, 4,  128, 5,  128,
                                                     8, 128, 9, 128, 12, 128, 13, 128};
  alignas(16) static constexpr uint8_t kLast[16] = {2,  128, 3,  128, 6,  128, 7,  128,
                                                    10, 128, 11, 128, 14, 128, 15, 128};
  const auto bytes = hn::BitCast(d8, load_four<Fmt, true>(block, group, first));
  first_two = hn::BitCast(d, hn::TableLookupBytesOr0(bytes, hn::LoadDup128(d8, kFirst)));
  last_two = hn::BitCast(d, hn::TableLookupBytesOr0(bytes, hn::LoadDup128(d8, kLast)));
}

/// kVectors vectors of weight rows, of consecutive tiles or of one, from the rows `first` of tile 0 on, with
/// kRows rows of activations: blocks [begin, end), which share a scale, are added to out [tile][x.rows][16].
template <class Fmt, int kRows, int kVectors>
HWY_INLINE void dot_rows(const std::byte* tile, int64_t tile_bytes, int first, const Rows16& x,
                         int64_t first_x, int64_t begin, int64_t end, float* out) {
  const RowsF d;
  constexpr int kGroups = kBlockCols / 4 / Fmt::kHalves;
  constexpr int32_t kAdded = added_by_load<Fmt, true>();
  VF sums[kVectors * kRows];
  for (VF& sum : sums) sum = hn::Zero(d);
  for (int64_t b = begin; b < end; ++b) {
    TileBlock block[kVectors];
    for (int v = 0; v < kVectors; ++v) block[v] = tile_block(Fmt::type, tile + v * tile_bytes, b);
    const int64_t at = x.block(first_x, b);
    for (int half = 0; half < Fmt::kHalves; ++half) {
      VI dots[kVectors * kRows];
      for (int m = 0; m < kRows; ++m) {
        const int32_t* total = x.sum + (at + m) * 3;
        const VI initial = hn::Set(RowsI(), -kAdded * total[Fmt::kHalves == 2 ? half : 2]);
        for (int v = 0; v < kVectors; ++v) dots[v * kRows + m] = initial;
      }
#pragma GCC unroll 8  // or what is summed leaves the registers
      for (int g = half * kGroups; g < (half + 1) * kGroups; ++g) {
        VI first_two[kVectors], last_two[kVectors];
        for (int v = 0; v < kVectors; ++v) load_pairs<Fmt>(block[v], g, first, first_two[v], last_two[v]);
        for (int m = 0; m < kRows; ++m) {
          const int16_t* q = x.q + (at + m) * kBlockCols + 4 * g;
          const VI one = broadcast_bits(q), other = broadcast_bits(q + 2);
          for (int v = 0; v < kVectors; ++v) {
            VI& dot = dots[v * kRows + m];
            dot = dot_pairs(dot_pairs(dot, first_two[v], one), last_two[v], other);
          }
        }
      }
      for (int v = 0; v < kVectors; ++v) {
        const VF scale = Fmt::scale(block[v], half, first);
        for (int m = 0; m < kRows; ++m) {
          VF& sum = sums[v * kRows + m];
          sum = hn::MulAdd(hn::ConvertTo(d, dots[v * kRows + m]), scale, sum);
        }
      }
    }
    if constexpr (Fmt::kHasMinimum) {
      for (int v = 0; v < kVectors; ++v) {
        const VF minimum = Fmt::minimum(block[v], first);
        for (int m = 0; m < kRows; ++m) {
          const VF total = hn::Set(d, static_cast<float>(x.sum[(at + m) * 3 + 2]));
          sums[v * kRows + m] = hn::NegMulAdd(minimum, total, sums[v * kRows + m]);
        }
      }
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    for (int m = 0; m < kRows; ++m) {
      float* to = out + (v * x.rows + first_x + m) * kTileRows + first;
      const VF before = begin == 0 ? hn::Zero(d) : hn::LoadU(d, to);
      hn::StoreU(hn::MulAdd(sums[v * kRows + m], hn::Set(d, x.scale_at(first_x + m, begin)), before), d, to);
    }
  }
}

/// kVectors vectors of weights with all rows, kMost at a time; the blocks that share a scale meet all rows
/// before the next.
template <class Fmt, int kVectors, int kMost>
void dot_vectors(const std::byte* tile, int64_t tile_bytes, int first, const Rows16& x, float* out) {
  const int64_t blocks = x.cols / kBlockCols;
  for (int64_t begin = 0; begin < blocks; begin += kScaleBlocks) {
    const int64_t end = std::min(begin + kScaleBlocks, blocks);
    int64_t m = 0;
    const auto rows = [&](auto count) {
      for (; m + count <= x.rows; m += count)
        dot_rows<Fmt, count, kVectors>(tile, tile_bytes, first, x, m, begin, end, out);
    };
    rows(std::integral_constant<int, kMost>());
    rows(std::integral_constant<int, 2>());
    rows(std::integral_constant<int, 1>());
  }
}

/// With 32 registers of 16 lanes two tiles share what is loaded of the activations.
void dot_packed_16(const WeightMatrix& w, int64_t first, int64_t count, const Rows16& x, float* out) {
  const std::byte* tiles = w.tile(first);
  const int64_t tile_bytes = w.tile_bytes(), tile_sums = x.rows * kTileRows;
  with_format(w.type, [&](auto format) {
    using Fmt = decltype(format);
    int64_t t = 0;
    if constexpr (kManyRegisters) {
      for (; t + 2 <= count; t += 2)
        dot_vectors<Fmt, 2, 6>(tiles + t * tile_bytes, tile_bytes, 0, x, out + t * tile_sums);
    }
    for (; t < count; ++t) {
      for (int part = 0; part < kPerTile; ++part)
        dot_vectors<Fmt, 1, 4>(tiles + t * tile_bytes, tile_bytes, part * kLanes, x, out + t * tile_sums);
    }
  });
}
