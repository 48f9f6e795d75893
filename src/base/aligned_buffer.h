// Owning storage for numbers, aligned for any vector unit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace cobra {

/// `size` values of a trivial type at a 64-byte boundary, zero-filled (or not: `uninitialized`, for what is
/// written at once by several threads). Move-only. Throws std::bad_alloc.
template <typename T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(int64_t size) : AlignedBuffer(uninitialized(size)) {
    if (data_) __builtin_memset(static_cast<void*>(data_), 0, static_cast<size_t>(size) * sizeof(T));
  }
  static AlignedBuffer uninitialized(int64_t size) {
    AlignedBuffer buffer;
    if (size > 0)
      buffer.data_ = static_cast<T*>(::operator new(static_cast<size_t>(size) * sizeof(T), kAlignment));
    buffer.size_ = size;
    return buffer;
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer() {
    if (data_) ::operator delete(data_, kAlignment);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  int64_t bytes() const { return size_ * static_cast<int64_t>(sizeof(T)); }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  T* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace cobra
