// The products of simd_dot_pairs.cc over dot_pairs, which is declared before: included in the middle of that
// file, once for each way that a target has to multiply pairs.

/// body(0), ..., body(kCount - 1), each number a constant, so that what arrays hold stays in registers: loops
/// are unrolled too late for that where there are several of them.
template <int kCount, class Body>
HWY_INLINE void each(const Body& body) {
  [&]<int... i>(std::integer_sequence<int, i...>) COBRA_INLINE {
    (body(std::integral_constant<int, i>()), ...);
  }
  (std::make_integer_sequence<int, kCount>());
}

/// Consecutive tiles.
struct Tiles {
  const std::byte* first;
  int64_t bytes;  // of one
};

/// Block b of kVectors vectors of weight rows, counted from the first rows of the first tile on.
template <int kVectors>
struct Vectors {
  TileBlock block[kVectors];
  int first[kVectors];  // row in its tile

  HWY_INLINE Vectors(DType type, const Tiles& tiles, int first_vector, int64_t b) {
    for (int v = 0; v < kVectors; ++v) {
      const int at = first_vector + v;
      block[v] = tile_block(type, tiles.first + at / kPerTile * tiles.bytes, b);
      first[v] = at % kPerTile * kLanes;
    }
  }
};

/// Activations as dot_rows asks for them. `at` is a block of a row.
struct In8Bits : QuantizedRows {
  static constexpr bool kScalesBlocks = true;

  template <class Fmt>
  HWY_INLINE auto quants(int64_t at) const {
    constexpr bool kInBytes = kMultipliesBytesInPairs && (Fmt::kNibbles || Fmt::kUnsigned);
    if constexpr (kInBytes)
      return q + at * kBlockCols;
    else
      return wide + at * kBlockCols;
  }
  /// What was added to the quants of 16 columns, the other 16, or all (`part` 0 to 2) times their
  /// activations, negative.
  HWY_INLINE int32_t taken_away(int64_t at, int part, int32_t added) const {
    return added == 0 ? 0 : shift[at * 3 + part] / (128 / added);
  }
  HWY_INLINE VF times_scale(VF weights, int64_t at) const {
    return hn::Mul(weights, hn::Set(RowsF(), scale[at]));
  }
  /// What a minimum is multiplied by.
  HWY_INLINE float total(int64_t at) const { return sum[at]; }
};

/// The same; scales are those of many blocks and are multiplied by at the end of these.
struct In16Bits : Rows16 {
  static constexpr bool kScalesBlocks = false;

  template <class>
  HWY_INLINE const int16_t* quants(int64_t at) const {
    return q + at * kBlockCols;
  }
  HWY_INLINE int32_t taken_away(int64_t at, int part, int32_t added) const {
    return -added * sum[at * 3 + part];
  }
  HWY_INLINE VF times_scale(VF weights, int64_t) const { return weights; }
  HWY_INLINE float total(int64_t at) const { return static_cast<float>(sum[at * 3 + 2]); }
};

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

/// Adds the products of one block, or a half of it, with kRows rows of activations to dots [kVectors][kRows].
template <class Fmt, int kRows, int kVectors>
HWY_INLINE void add_dots(const Vectors<kVectors>& w, int half, const int16_t* q, VI* dots) {
  constexpr int kGroups = kBlockCols / 4 / Fmt::kHalves;
  each<kGroups>([&](auto i) COBRA_INLINE {
    const int g = half * kGroups + i;
    VI first_two[kVectors], last_two[kVectors];
    each<kVectors>(
        [&](auto v) COBRA_INLINE { load_pairs<Fmt>(w.block[v], g, w.first[v], first_two[v], last_two[v]); });
    each<kRows>([&](auto m) COBRA_INLINE {
      const VI one = broadcast_bits(q + m * kBlockCols + 4 * g);
      each<kVectors>([&](auto v) COBRA_INLINE { dot_pairs(dots[v * kRows + m], first_two[v], one); });
      const VI other = broadcast_bits(q + m * kBlockCols + 4 * g + 2);
      each<kVectors>([&](auto v) COBRA_INLINE { dot_pairs(dots[v * kRows + m], last_two[v], other); });
    });
  });
}

/// The same with activations in bytes and quants of at most 5 bits: products of bytes in pairs, of which so
/// many stay within 16 bits that they are added up there first.
template <class Fmt, int kRows, int kVectors>
HWY_INLINE void add_dots(const Vectors<kVectors>& w, int, const int8_t* q, VI* dots) {
  constexpr int kGroups = kBlockCols / 4, kTogether = Fmt::kNibbles ? 8 : 4;
  constexpr int kLargest = Fmt::kNibbles ? 15 : 31;
  static_assert(kTogether * 2 * kLargest * 127 <= 32767);
  for (int begin = 0; begin < kGroups; begin += kTogether) {
    VI pairs[kVectors * kRows];
    each<kVectors * kRows>([&](auto i) COBRA_INLINE { pairs[i] = hn::Zero(RowsI()); });
    each<kTogether>([&](auto i) COBRA_INLINE {
      const int g = begin + i;
      VI quads[kVectors];
      each<kVectors>([&](auto v) COBRA_INLINE {
        const TileBlock& block = w.block[v];
        quads[v] = load_four<Fmt, true>(block, g, w.first[v]);
      });
      each<kRows>([&](auto m) COBRA_INLINE {
        const VI four = broadcast_bits(q + m * kBlockCols + 4 * g);
        each<kVectors>([&](auto v) COBRA_INLINE { add_byte_products(pairs[v * kRows + m], quads[v], four); });
      });
    });
    const VI ones = hn::Set(RowsI(), 0x00010001);
    each<kVectors * kRows>([&](auto i) COBRA_INLINE { dot_pairs(dots[i], pairs[i], ones); });
  }
}

/// kVectors vectors of weight rows with kRows rows of activations: blocks [begin, end) are added to the sums
/// of those before, in out [tile][x.rows][16].
template <class Fmt, int kRows, int kVectors, class Activations>
HWY_INLINE void dot_rows(const Tiles& tiles, int first_vector, const Activations& x, int64_t first_x,
                         int64_t begin, int64_t end, float* out) {
  const RowsF d;
  constexpr int32_t kAdded = added_by_load<Fmt, true>();
  const LinesAhead<Fmt> ahead(x.rows, first_x, kRows);
  const auto to = [&](int v, int m) {
    const int at = first_vector + v;
    return out + (at / kPerTile * x.rows + first_x + m) * kTileRows + at % kPerTile * kLanes;
  };
  VF sums[kVectors * kRows];
  for (int v = 0; v < kVectors; ++v) {
    for (int m = 0; m < kRows; ++m)
      sums[v * kRows + m] = x.kScalesBlocks && begin > 0 ? hn::LoadU(d, to(v, m)) : hn::Zero(d);
  }
  for (int64_t b = begin; b < end; ++b) {
    const Vectors<kVectors> w(Fmt::type, tiles, first_vector, b);
    // Prompts in 16 bits stay with the tiles that they have in cache.
    if (x.kScalesBlocks && first_vector == 0) ahead.fetch(w.block[0]);
    const int64_t at = x.block(first_x, b);
    each<Fmt::kHalves>([&](auto half) COBRA_INLINE {
      VI dots[kVectors * kRows];
      each<kRows>([&](auto m) COBRA_INLINE {
        const VI initial = hn::Set(RowsI(), x.taken_away(at + m, Fmt::kHalves == 2 ? half : 2, kAdded));
        each<kVectors>([&](auto v) COBRA_INLINE { dots[v * kRows + m] = initial; });
      });
      add_dots<Fmt, kRows, kVectors>(w, half, x.template quants<Fmt>(at), dots);
      each<kVectors>([&](auto v) COBRA_INLINE {
        const VF scale = Fmt::scale(w.block[v], half, w.first[v]);
        each<kRows>([&](auto m) COBRA_INLINE {
          VF& sum = sums[v * kRows + m];
          sum = hn::MulAdd(hn::ConvertTo(d, dots[v * kRows + m]), x.times_scale(scale, at + m), sum);
        });
      });
    });
    if constexpr (Fmt::kHasMinimum) {
      for (int v = 0; v < kVectors; ++v) {
        const VF minimum = Fmt::minimum(w.block[v], w.first[v]);
        for (int m = 0; m < kRows; ++m) {
          VF& sum = sums[v * kRows + m];
          sum = hn::NegMulAdd(minimum, hn::Set(d, x.total(at + m)), sum);
        }
      }
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    for (int m = 0; m < kRows; ++m) {
      VF sum = sums[v * kRows + m];
      if constexpr (!Activations::kScalesBlocks) {
        const VF before = begin == 0 ? hn::Zero(d) : hn::LoadU(d, to(v, m));
        sum = hn::MulAdd(sum, hn::Set(d, x.scale_at(first_x + m, begin)), before);
      }
      hn::StoreU(sum, d, to(v, m));
    }
  }
}

/// kVectors vectors of weights with all rows, kMost at a time.
template <class Fmt, int kVectors, int kMost, class Activations>
void dot_vectors(const Tiles& tiles, int first_vector, const Activations& x, int64_t together, float* out) {
  each_group<kMost>(x, together, [&](auto count, int64_t m, int64_t begin, int64_t end) {
    dot_rows<Fmt, count, kVectors>(tiles, first_vector, x, m, begin, end, out);
  });
}

/// Tiles [first, first + count) with all rows.
template <class Activations>
void multiply_tiles(const WeightMatrix& w, int64_t first, int64_t count, const Activations& x,
                    int64_t together, float* out) {
  const int64_t tile_sums = x.rows * kTileRows;
  const auto tiles_from = [&](int64_t t) { return Tiles{w.tile(first + t), w.tile_bytes()}; };
  with_format(w.type, [&](auto format) {
    using Fmt = decltype(format);
    int64_t t = 0;
    if constexpr (kManyRegisters && !Activations::kScalesBlocks) {
      // Two tiles share what is loaded of the activations.
      for (; t + 2 <= count; t += 2)
        dot_vectors<Fmt, 2, 6>(tiles_from(t), 0, x, together, out + t * tile_sums);
    }
    for (; t < count; ++t) {
      for (int part = 0; part < kPerTile; part += kVectors)
        dot_vectors<Fmt, kVectors, 8 / kVectors>(tiles_from(t), part, x, together, out + t * tile_sums);
    }
  });
}

void dot_packed_16(const WeightMatrix& w, int64_t first, int64_t count, const Rows16& x, float* out) {
  multiply_tiles(w, first, count, In16Bits{x}, kScaleBlocks, out);
}
