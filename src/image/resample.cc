// The two passes of Pillow's 8-bit resize: every row is scaled horizontally and rounded to bytes, then
// columns are scaled vertically. Sums are integers, hence exact in any order; that is what the liberties
// taken here rest on: weights are split in two 16-bit halves, margins enter as one product, and rows are
// added to the output as they come.
#include "image/resample.h"

#include <algorithm>

#include "image/resample_axis.h"

namespace cobra {
namespace {

constexpr int32_t kHalf = 1 << (kWeightBits - 1);  // added before the shift: rounds to nearest

uint8_t to_byte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

// A weight is high * 2^kLowBits + low with both halves in 16 bits, because a product of 16-bit values summed
// in 32 bits is one instruction on the baseline of x86-64 (pmaddwd) and aarch64 (smlal), and a 32-bit product
// is not. |weight| < 2^23, so |high| < 2^12. The whole sum fits 32 bits: the weights of one output add up to
// less than 1.5 in absolute value (2^22 is one), and 1.5 * 2^22 * 255 < 2^31. The two parts of it need not:
// where a picture shrinks to a thousandth an output has thousands of weights, the negative ones with a low
// half of almost 2^11. They are added modulo 2^32, which the whole does not notice.
constexpr int kLowBits = 11;

/// Scales the rows of a picture, one at a time.
class HorizontalPass {
 public:
  HorizontalPass(const AxisGeometry& geometry, std::array<uint8_t, 3> fill)
      : axis_(geometry), picture_width_(geometry.picture_size), taps_((axis_.max_taps + 7) / 8 * 8) {
    const size_t count = axis_.outputs.size();
    high_.resize(count * static_cast<size_t>(taps_));
    low_.resize(high_.size());
    for (size_t i = 0; i < count; ++i) split_weights(static_cast<int64_t>(i));
    for (const AxisOutput& output : axis_.outputs) {
      for (const uint8_t c : fill) start_.push_back(kHalf + c * output.margin_weight);
    }
    // The zero weights up to a multiple of eight read beyond the row's end.
    for (std::vector<int16_t>& plane : planes_) plane.resize(static_cast<size_t>(picture_width_ + taps_));
  }

  int64_t row_bytes() const { return static_cast<int64_t>(start_.size()); }

  /// row [picture width, 3] -> out [outputs, 3].
  void scale(const uint8_t* row, uint8_t* out) {
    separate_channels(row);
    for (size_t i = 0; i < axis_.outputs.size(); ++i) {
      const int begin = axis_.outputs[i].begin;
      for (size_t c = 0; c < 3; ++c) {
        out[3 * i + c] =
            to_byte(start_[3 * i + c] + weighted_sum(planes_[c].data() + begin, static_cast<int64_t>(i)));
      }
    }
  }

  /// What a row that lies in the margin becomes: out [outputs, 3].
  void scale_fill(std::array<uint8_t, 3> fill, uint8_t* out) const {
    for (size_t i = 0; i < axis_.outputs.size(); ++i) {
      const int32_t* weights = axis_.weights_of(static_cast<int64_t>(i));
      int32_t total = axis_.outputs[i].margin_weight;
      for (int t = 0; t < axis_.max_taps; ++t) total += weights[t];
      for (size_t c = 0; c < 3; ++c) out[3 * i + c] = to_byte(kHalf + fill[c] * total);
    }
  }

 private:
  void split_weights(int64_t output) {
    const int32_t* weights = axis_.weights_of(output);
    for (int t = 0; t < axis_.max_taps; ++t) {
      high_[static_cast<size_t>(output * taps_ + t)] = static_cast<int16_t>(weights[t] >> kLowBits);
      low_[static_cast<size_t>(output * taps_ + t)] =
          static_cast<int16_t>(weights[t] & ((1 << kLowBits) - 1));
    }
  }

  void separate_channels(const uint8_t* row) {
    int16_t *red = planes_[0].data(), *green = planes_[1].data(), *blue = planes_[2].data();
    for (int64_t x = 0; x < picture_width_; ++x) {
      red[x] = row[3 * x];
      green[x] = row[3 * x + 1];
      blue[x] = row[3 * x + 2];
    }
  }

  int32_t weighted_sum(const int16_t* values, int64_t output) const {
    const int16_t* high = high_.data() + output * taps_;
    const int16_t* low = low_.data() + output * taps_;
    uint32_t high_sum = 0;
    uint32_t low_sum = 0;
    for (int t = 0; t < taps_; ++t) {
      high_sum += static_cast<uint32_t>(values[t] * high[t]);
      low_sum += static_cast<uint32_t>(values[t] * low[t]);
    }
    return static_cast<int32_t>((high_sum << kLowBits) + low_sum);
  }

  ResampleAxis axis_;
  int64_t picture_width_;
  int taps_;                         // taps of an output, rounded up to the vector width
  std::vector<int16_t> high_, low_;  // [outputs, taps_]
  std::vector<int32_t> start_;       // [outputs, 3]: rounding and the margin's share
  std::array<std::vector<int16_t>, 3> planes_;
};

/// Adds scaled rows, given from top to bottom, to the output rows they belong to. Only output rows under way
/// have sums.
class VerticalPass {
 public:
  VerticalPass(const AxisGeometry& geometry, std::vector<uint8_t> fill_row)
      : axis_(geometry), fill_row_(std::move(fill_row)), row_size_(static_cast<int64_t>(fill_row_.size())) {
    const auto count = static_cast<int64_t>(axis_.outputs.size());
    for (int64_t first = 0, last = 0; first < count; ++first) {
      while (last < count && axis_.outputs[last].begin < std::max(axis_.outputs[first].end, 1)) ++last;
      slots_ = std::max(slots_, last - first);
    }
    sums_.resize(static_cast<size_t>(slots_ * row_size_));
  }

  int first_row() const { return axis_.outputs.front().begin; }
  int end_row() const { return axis_.outputs.back().end; }

  /// Adds row `y` of the picture and writes the output rows that it completes to `out` [outputs, row size].
  void add(int y, const uint8_t* row, uint8_t* out) {
    const auto count = static_cast<int64_t>(axis_.outputs.size());
    while (opened_ < count && axis_.outputs[opened_].begin <= y) open_output();
    for (int64_t i = closed_; i < opened_; ++i) {
      const AxisOutput& output = axis_.outputs[i];
      if (y < output.end) add_weighted(row, axis_.weights_of(i)[y - output.begin], sums(i));
    }
    while (closed_ < opened_ && axis_.outputs[closed_].end <= y + 1) close_output(out);
  }

  /// Writes what lies below the picture.
  void finish(uint8_t* out) {
    while (closed_ < static_cast<int64_t>(axis_.outputs.size())) {
      if (opened_ == closed_) open_output();
      close_output(out);
    }
  }

 private:
  int32_t* sums(int64_t output) { return sums_.data() + output % slots_ * row_size_; }

  void open_output() {
    const int32_t margin_weight = axis_.outputs[opened_].margin_weight;
    int32_t* sum = sums(opened_++);
    for (int64_t x = 0; x < row_size_; ++x) sum[x] = kHalf + fill_row_[x] * margin_weight;
  }

  void close_output(uint8_t* out) {
    const int32_t* sum = sums(closed_);
    uint8_t* row = out + closed_++ * row_size_;
    for (int64_t x = 0; x < row_size_; ++x) row[x] = to_byte(sum[x]);
  }

  void add_weighted(const uint8_t* row, int32_t weight, int32_t* sum) const {
    for (int64_t x = 0; x < row_size_; ++x) sum[x] += row[x] * weight;
  }

  ResampleAxis axis_;
  std::vector<uint8_t> fill_row_;
  int64_t row_size_;
  int64_t slots_ = 1;          // the most outputs under way at once
  std::vector<int32_t> sums_;  // [slots_, row size], output i in slot i % slots_
  int64_t opened_ = 0;         // outputs [closed_, opened_) are under way
  int64_t closed_ = 0;
};

}  // namespace

Image resample_bicubic(const Canvas& canvas, const Crop& crop) {
  const Image& image = canvas.image;
  HorizontalPass horizontal(
      {image.width, canvas.left, canvas.width, crop.scaled_width, crop.left, crop.width}, canvas.fill);
  std::vector<uint8_t> row(static_cast<size_t>(horizontal.row_bytes()));
  horizontal.scale_fill(canvas.fill, row.data());
  VerticalPass vertical({image.height, canvas.top, canvas.height, crop.scaled_height, crop.top, crop.height},
                        row);

  Image result{static_cast<int>(crop.width), static_cast<int>(crop.height), {}};
  result.pixels.resize(static_cast<size_t>(crop.width * crop.height * 3));
  for (int y = vertical.first_row(); y < vertical.end_row(); ++y) {
    horizontal.scale(image.pixels.data() + int64_t{y} * image.width * 3, row.data());
    vertical.add(y, row.data(), result.pixels.data());
  }
  vertical.finish(result.pixels.data());
  return result;
}

}  // namespace cobra
