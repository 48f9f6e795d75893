// Decoding allocates nothing: operator new is counted while sessions step.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "cobra/session.h"
#include "engine/reference_model.h"
#include "kernels/kernels.h"
#include "model/init.h"

namespace {
std::atomic<int64_t> allocations{0};

void* counted(size_t size, size_t alignment) {
  ++allocations;
  if (void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment))
    return memory;
  throw std::bad_alloc();
}

/// Not inlined, or GCC takes `new` and this for a mismatch.
[[gnu::noinline]] void release(void* memory) { std::free(memory); }
}  // namespace

void* operator new(size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { release(memory); }

namespace cobra::testing {
namespace {

int64_t allocations_of_steps(const Model& model) {
  Session session(model);
  session.read_tokens(std::vector<int32_t>{1, 2, 3});
  session.step(4);  // the first step may size its scratch memory
  const int64_t before = allocations;
  for (int32_t id = 0; id < 50; ++id) session.step(id);
  return allocations - before;
}

class AllocationTest : public ::testing::TestWithParam<DType> {};

TEST_P(AllocationTest, StepsAllocateNothing) {
  EXPECT_EQ(allocations_of_steps(reference_model(Runtime({.threads = 2}), GetParam())), 0);
}

/// The reference model's products are too small for a second thread; these are not.
TEST_P(AllocationTest, StepsOfSeveralThreadsAllocateNothing) {
  InitOptions options;
  options.preset = "tiny";
  options.type = GetParam();
  options.output = scratch_folder() / "tiny.gguf";
  init_model(options);
  const Model model = Model::load(options.output, Runtime({.threads = 2}));
  const MambaConfig& c = model.config().mamba;
  ASSERT_GE(c.d_inner * c.d_model, 2 * kWorkPerThread);
  EXPECT_EQ(allocations_of_steps(model), 0);
}

/// However long a conversation gets, its memory stays as it is: after one prompt and one step, further ones
/// of that size take nothing.
TEST_P(AllocationTest, ReadingOnAllocatesNothing) {
  const Model model = reference_model(Runtime({.threads = 2}), GetParam());
  Session session(model);
  const std::vector<int32_t> prompt(300, 5);
  const auto read = [&] {
    session.read_tokens(prompt, 100);
    for (int32_t id = 0; id < 10; ++id) session.step(id);
  };
  read();
  const int64_t before = allocations;
  for (int turn = 0; turn < 20; ++turn) read();
  EXPECT_EQ(allocations - before, 0);
  EXPECT_EQ(session.position(), 21 * 310);
}

TEST(AllocationCount, CountsThoseOfAFork) {
  const Model model = reference_model();
  const Session session(model);
  const int64_t before = allocations;
  session.fork();
  EXPECT_GT(allocations - before, 0);
}

INSTANTIATE_TEST_SUITE_P(Types, AllocationTest,
                         ::testing::Values(DType::f32, DType::bf16, DType::q8_0, DType::q4_0),
                         [](const auto& test) { return std::string(name(test.param)); });

}  // namespace
}  // namespace cobra::testing
