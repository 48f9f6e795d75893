// Matrix products by oneDNN. The only file that knows oneDNN: it builds with
// version 2 (Debian 12) and 3.
#include "kernels/gemm_onednn.h"

#include <dnnl.h>
#include <omp.h>

#include <map>
#include <tuple>
#include <vector>

#include "base/fail.h"

#if DNNL_VERSION_MAJOR < 3
#include <dnnl.hpp>
#else
#include <oneapi/dnnl/dnnl.hpp>
#endif

namespace cobra {
namespace {

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

/// How a product is made, besides its shape.
struct Plan {
  Gemm gemm;
  bool transpose_a = false;  // A is [K][M]
  int threads = 1;
};

using PlanKey = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, bool, bool, int>;

PlanKey key_of(const Plan& plan) {
  const Gemm& g = plan.gemm;
  return {g.M, g.N, g.K, g.lda, g.ldb, g.ldc, g.transpose_b, plan.transpose_a, plan.threads};
}

struct Matmul {
  dnnl::matmul primitive;
  dnnl::memory::desc a, b, c, scratchpad;
};

dnnl::matmul::primitive_desc describe(const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                                      const dnnl::memory::desc& c) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR < 3
  return {dnnl::matmul::desc(a, b, c), attributes, cpu_engine()};
#else
  return {cpu_engine(), a, b, c, attributes};
#endif
}

using Type = dnnl::memory::data_type;

Matmul make_matmul(const Plan& plan) {
  using Strides = dnnl::memory::dims;
  const Gemm& g = plan.gemm;
  Matmul m;
  m.a = {{g.M, g.K}, Type::bf16, plan.transpose_a ? Strides{1, g.lda} : Strides{g.lda, 1}};
  m.b = {{g.K, g.N}, Type::bf16, g.transpose_b ? Strides{1, g.ldb} : Strides{g.ldb, 1}};
  m.c = {{g.M, g.N}, Type::f32, Strides{g.ldc, 1}};
  const auto description = describe(m.a, m.b, m.c);
  m.primitive = dnnl::matmul(description);
  m.scratchpad = description.scratchpad_desc();
  return m;
}

/// While it lives, oneDNN plans and runs for this many threads. Without it a primitive is planned for as many
/// threads as OpenMP would give; run inside a parallel region, where there is only one, it would do one share
/// of its work.
class TeamOf {
 public:
  explicit TeamOf(int threads) : saved_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  TeamOf(const TeamOf&) = delete;
  TeamOf& operator=(const TeamOf&) = delete;
  ~TeamOf() { omp_set_num_threads(saved_); }

 private:
  int saved_;
};

/// Primitives are made once a thread and shape: creation costs more than a small product.
void multiply(const Plan& plan, const BFloat16* A, const BFloat16* B, float* C) {
  constexpr size_t kMaxShapes = 256;
  thread_local std::map<PlanKey, Matmul> cache;
  thread_local std::vector<std::byte> scratchpad;
  thread_local dnnl::stream stream(cpu_engine());
  const TeamOf team(plan.threads);
  if (cache.size() > kMaxShapes) cache.clear();
  auto found = cache.find(key_of(plan));
  if (found == cache.end()) found = cache.emplace(key_of(plan), make_matmul(plan)).first;
  const Matmul& m = found->second;
  scratchpad.resize(std::max(scratchpad.size(), m.scratchpad.get_size()));
  const auto memory = [](const dnnl::memory::desc& desc, const void* data) {
    return dnnl::memory(desc, cpu_engine(), const_cast<void*>(data));
  };
  m.primitive.execute(stream, {{DNNL_ARG_SRC, memory(m.a, A)},
                               {DNNL_ARG_WEIGHTS, memory(m.b, B)},
                               {DNNL_ARG_DST, memory(m.c, C)},
                               {DNNL_ARG_SCRATCHPAD, memory(m.scratchpad, scratchpad.data())}});
  stream.wait();
}

}  // namespace

void onednn_product_bf16(const Gemm& g, bool transpose_a, int threads, const BFloat16* A, const BFloat16* B,
                         float* C) {
  multiply({g, transpose_a, threads}, A, B, C);
}

namespace {

dnnl::memory::dims dims_of(const dnnl::memory& memory) {
#if DNNL_VERSION_MAJOR < 3
  return memory.get_desc().dims();
#else
  return memory.get_desc().get_dims();
#endif
}

}  // namespace

struct OneDnnProduct::Impl {
  int threads;
  dnnl::matmul primitive;
  dnnl::stream stream{cpu_engine()};
  dnnl::memory a, b, c, scratchpad;

  void copy(const float* values, dnnl::memory& to) {
    dnnl::memory::desc rows(dims_of(to), Type::f32, dnnl::memory::format_tag::ab);
    dnnl::memory from(rows, cpu_engine(), const_cast<float*>(values));
    dnnl::reorder(from, to).execute(stream, from, to);
    stream.wait();
  }
};

OneDnnProduct::OneDnnProduct(int64_t M, int64_t N, int64_t K, int threads, bool bf16)
    : impl_(std::make_unique<Impl>()) {
  using Tag = dnnl::memory::format_tag;
  const TeamOf team(threads);
  impl_->threads = threads;
  const Type inputs = bf16 ? Type::bf16 : Type::f32;
  const auto description =
      describe({{M, K}, inputs, Tag::ab}, {{K, N}, inputs, Tag::any}, {{M, N}, Type::f32, Tag::ab});
  impl_->primitive = dnnl::matmul(description);
  impl_->a = dnnl::memory(description.src_desc(), cpu_engine());
  impl_->b = dnnl::memory(description.weights_desc(), cpu_engine());
  impl_->c = dnnl::memory(description.dst_desc(), cpu_engine());
  impl_->scratchpad = dnnl::memory(description.scratchpad_desc(), cpu_engine());
}

OneDnnProduct::~OneDnnProduct() = default;

void OneDnnProduct::set_inputs(const float* A, const float* B) {
  impl_->copy(A, impl_->a);
  impl_->copy(B, impl_->b);
}

void OneDnnProduct::run() {
  const TeamOf team(impl_->threads);
  impl_->primitive.execute(impl_->stream, {{DNNL_ARG_SRC, impl_->a},
                                           {DNNL_ARG_WEIGHTS, impl_->b},
                                           {DNNL_ARG_DST, impl_->c},
                                           {DNNL_ARG_SCRATCHPAD, impl_->scratchpad}});
  impl_->stream.wait();
}

const float* OneDnnProduct::result() const { return static_cast<const float*>(impl_->c.get_data_handle()); }

#if defined(__x86_64__)
/// The values of AVX-512 sets grow with what they have; AVX2 with VNNI came later and stands among them.
static bool has_isa(dnnl_cpu_isa_t wanted) {
  const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  return static_cast<int>(isa) >= static_cast<int>(wanted) && isa != dnnl_cpu_isa_avx2_vnni;
}

bool onednn_has_fast_bf16() { return has_isa(dnnl_cpu_isa_avx512_core_bf16); }
#else
bool onednn_has_fast_bf16() { return false; }
#endif

}  // namespace cobra
