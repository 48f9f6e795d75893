// Tests of torch_checkpoint.h and state_dict.h: the reference checkpoints, layouts, broken archives, ZIP64.
#include "formats/torch_checkpoint.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "formats/state_dict.h"
#include "formats/torch_test_file.h"
#include "reference.h"

namespace cobra {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Member;
using testing::raw;
namespace op = testing::op;

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

const std::string kSixFloats = floats({1, 2, 3, 4, 5, 6});

/// A program for {"t": a tensor of the storage "0" of six floats}.
std::string one_tensor(int64_t offset, const std::vector<int64_t>& shape,
                       const std::vector<int64_t>& strides) {
  return op::program(
      op::dict(op::text("t") + op::tensor(op::storage("FloatStorage", "0", 6), offset, shape, strides)));
}

class TorchTest : public testing::FormatsTest {
 protected:
  std::string archive(const std::vector<Member>& members) const {
    return testing::write_zip(path("t.pt"), members);
  }
  std::string archive(const std::string& program, bool deflate = false) const {
    return archive({{"archive/data.pkl", program, deflate}, {"archive/data/0", kSixFloats, deflate}});
  }
  static std::string load_error(const std::string& file) {
    return error_of([&] { TorchCheckpoint(file).tensors(); });
  }
  std::vector<float> values(const std::string& file) const {
    const TorchCheckpoint checkpoint(file);
    return to_float32(*checkpoint.find("t"), file);
  }
};

void expect_same_tensors(const std::string& torch, const std::string& safetensors) {
  const TorchCheckpoint a(testing::reference(torch));
  const SafetensorsFile b(testing::reference(safetensors));
  ASSERT_EQ(a.tensors().size(), b.tensors().size());
  for (const TensorEntry& expected : b.tensors()) {
    const TensorEntry* found = a.find(expected.name);
    ASSERT_NE(found, nullptr) << expected.name;
    EXPECT_EQ(found->shape, expected.shape) << expected.name;
    EXPECT_EQ(found->type, expected.type) << expected.name;
    EXPECT_TRUE(std::ranges::equal(found->bytes, expected.bytes)) << expected.name;
  }
}

TEST_F(TorchTest, ReadsTheReferenceTowers) {
  expect_same_tensors("checkpoint/dino.pt", "checkpoint/dino.safetensors");
}

TEST_F(TorchTest, ReadsOpenClipNames) {
  const TorchCheckpoint torch(testing::reference("checkpoint/siglip_openclip.pt"));
  const SafetensorsFile timm(testing::reference("checkpoint/siglip.safetensors"));
  EXPECT_NE(torch.find("logit_scale"), nullptr);
  for (const TensorEntry& expected : timm.tensors()) {
    const TensorEntry* found = torch.find("visual.trunk." + expected.name);
    ASSERT_NE(found, nullptr) << expected.name;
    EXPECT_EQ(to_float32(*found, "pt"), to_float32(expected, "st")) << expected.name;
  }
}

TEST_F(TorchTest, ReadsTheReferenceCheckpoint) {
  const TorchCheckpoint file(testing::reference("checkpoint/checkpoints/latest-checkpoint.pt"));
  const TensorEntry* head = file.find("model/llm_backbone/llm.lm_head.weight");
  const TensorEntry* embedding = file.find("model/llm_backbone/llm.backbone.embedding.weight");
  ASSERT_TRUE(head && embedding);
  EXPECT_EQ(head->bytes.data(), embedding->bytes.data()) << "they share one storage";
  EXPECT_EQ(head->type, DType::f32);
  EXPECT_NE(file.find("model/projector/projector.0.weight"), nullptr);
  file.release_pages(*head);
  EXPECT_EQ(to_float32(*head, "f").size(), static_cast<size_t>(head->elements()));
}

TEST_F(TorchTest, ReadsTheReferenceCheckpointInBfloat16WithMetadataAndOptimizer) {
  const TorchCheckpoint bf16(testing::reference("checkpoint/checkpoints/latest-checkpoint-bf16.pt"));
  const TorchCheckpoint f32(testing::reference("checkpoint/checkpoints/latest-checkpoint.pt"));
  size_t compared = 0;
  for (const TensorEntry& expected : f32.tensors()) {
    const TensorEntry* found = bf16.find(expected.name);
    ASSERT_NE(found, nullptr) << expected.name;
    ASSERT_EQ(found->type, DType::bf16);
    const std::vector<float> a = to_float32(*found, "bf16");
    const std::vector<float> b = to_float32(expected, "f32");
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], std::abs(b[i]) / 256) << expected.name;
    ++compared;
  }
  EXPECT_GT(compared, 40u);
}

TEST_F(TorchTest, ReadsTheTextCheckpoint) {
  const TorchCheckpoint file(testing::reference("checkpoint_text/checkpoints/latest-checkpoint.pt"));
  EXPECT_THAT(file.find("model/llm_backbone/llm.backbone.embedding.weight")->shape, ElementsAre(50280, 32));
}

TEST_F(TorchTest, ContiguousTensorsLieInPlace) {
  const std::string file = archive(one_tensor(1, {2, 1, 2}, {2, 77, 1}));
  EXPECT_THAT(values(file), ElementsAre(2, 3, 4, 5));
}

TEST_F(TorchTest, StridedTensorsAreGathered) {
  EXPECT_THAT(values(archive(one_tensor(0, {3, 2}, {1, 3}))), ElementsAre(1, 4, 2, 5, 3, 6));  // transposed
  EXPECT_THAT(values(archive(one_tensor(1, {3}, {2}))), ElementsAre(2, 4, 6));
  EXPECT_THAT(values(archive(one_tensor(5, {2, 2}, {0, 0}))), ElementsAre(6, 6, 6, 6));  // expanded
  EXPECT_THAT(values(archive(one_tensor(0, {2, 3, 1}, {3, 1, 1}))), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(TorchTest, ScalarsAndEmptyTensors) {
  EXPECT_THAT(values(archive(one_tensor(5, {}, {}))), ElementsAre(6));
  EXPECT_TRUE(values(archive(one_tensor(6, {0, 3}, {3, 1}))).empty());
}

TEST_F(TorchTest, DeflatedMembersAreInflated) {
  EXPECT_THAT(values(archive(one_tensor(2, {4}, {1}), true)), ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(values(archive(one_tensor(0, {3, 2}, {1, 3}), true)), ElementsAre(1, 4, 2, 5, 3, 6));
  const TorchCheckpoint checkpoint(archive(one_tensor(2, {4}, {1}), true));
  EXPECT_EQ(checkpoint.tensors()[0].bytes.size(), 16u);
  checkpoint.release_pages(checkpoint.tensors()[0]);
  EXPECT_EQ(to_float32(checkpoint.tensors()[0], "t")[3], 6.0f);
}

TEST_F(TorchTest, LargeDeflatedMembersAreInflatedWhole) {
  std::vector<float> many(300'000);
  std::minstd_rand random(1);
  for (float& v : many) v = static_cast<float>(random());
  const auto storage = op::storage("FloatStorage", "0", 300'000);
  const std::string program = op::program(op::dict(op::text("t") + op::tensor(storage, 0, {300'000}, {1})));
  EXPECT_EQ(values(archive({{"a/data.pkl", program, true}, {"a/data/0", floats(many), true}})), many);
}

TEST_F(TorchTest, EveryStorageTypeIsRead) {
  const std::vector<std::pair<std::string, DType>> types = {
      {"FloatStorage", DType::f32},   {"HalfStorage", DType::f16}, {"BFloat16Storage", DType::bf16},
      {"DoubleStorage", DType::f64},  {"LongStorage", DType::i64}, {"IntStorage", DType::i32},
      {"ShortStorage", DType::i16},   {"CharStorage", DType::i8},  {"ByteStorage", DType::u8},
      {"BoolStorage", DType::boolean}};
  for (const auto& [storage, type] : types) {
    const auto bytes = static_cast<size_t>(traits(type).block_bytes);
    const std::string program =
        op::program(op::dict(op::text("t") + op::tensor(op::storage(storage, "0", 1), 0, {1}, {1})));
    const TorchCheckpoint file(archive({{"x/data.pkl", program}, {"x/data/0", std::string(bytes, '\0')}}));
    EXPECT_EQ(file.find("t")->type, type);
    EXPECT_EQ(file.find("t")->bytes.size(), bytes);
  }
}

TEST_F(TorchTest, LayoutsBeyondTheStorageAreRefused) {
  EXPECT_THAT(load_error(archive(one_tensor(0, {7}, {1}))), HasSubstr("reach element 6 of a storage of 6"));
  EXPECT_THAT(load_error(archive(one_tensor(4, {3}, {1}))),
              HasSubstr("tensor 't': shape [3], strides [1] and offset 4"));
  EXPECT_THAT(load_error(archive(one_tensor(0, {2, 2}, {5, 1}))), HasSubstr("reach element 6"));
  EXPECT_THAT(load_error(archive(one_tensor(INT64_MAX, {2}, {1}))), HasSubstr("out of range"));
  EXPECT_THAT(load_error(archive(one_tensor(0, {3}, {INT64_MAX}))), HasSubstr("out of range"));
  EXPECT_THAT(load_error(archive(one_tensor(0, {1ll << 62, 4}, {0, 0}))), HasSubstr("out of range"));
}

TEST_F(TorchTest, ExpansionBombsAreRefused) {
  EXPECT_THAT(load_error(archive(one_tensor(0, {1ll << 40}, {0}))), HasSubstr("would pass the limit"));
  const int64_t count = (1ll << 28) / 4 + (1 << 22);
  const auto storage = op::storage("FloatStorage", "0", count);
  const std::string program = op::program(op::dict(op::text("t") + op::tensor(storage, 0, {count}, {1})));
  const std::string zeros(static_cast<size_t>(count) * 4, '\0');
  EXPECT_THAT(load_error(archive({{"a/data.pkl", program}, {"a/data/0", zeros, true}})),
              HasSubstr("member 'a/data/0': unpacking its"));
}

TEST_F(TorchTest, StoragesMustMatchTheirMembers) {
  const std::string program = one_tensor(0, {6}, {1});
  EXPECT_THAT(load_error(archive({{"a/data.pkl", program}})), HasSubstr("member 'a/data/0' is missing"));
  EXPECT_THAT(load_error(archive({{"a/data.pkl", program}, {"a/data/0", "short"}})),
              HasSubstr("member 'a/data/0' has 5 bytes, expected 24 for 6 values of f32"));
  const std::string two_types =
      op::program(op::dict(op::text("a") + op::tensor(op::storage("FloatStorage", "0", 6), 0, {1}, {1}) +
                           op::text("b") + op::tensor(op::storage("IntStorage", "0", 6), 0, {1}, {1})));
  EXPECT_THAT(load_error(archive(two_types)), HasSubstr("is used as 6 values of f32 and as 6 of i32"));
  const std::string huge = op::program(
      op::dict(op::text("t") + op::tensor(op::storage("DoubleStorage", "0", INT64_MAX), 0, {1}, {1})));
  EXPECT_THAT(load_error(archive(huge)), HasSubstr("out of range"));
}

TEST_F(TorchTest, HostilePicklesAreRefusedWithFileAndMember) {
  const std::string program = op::program(op::global("os", "system") + op::tuple(op::text("true")) + "R");
  EXPECT_EQ(load_error(archive(program)),
            path("t.pt") +
                ": archive/data.pkl: global 'os.system' is not allowed: only tensors, dicts, lists, strings "
                "and numbers can be loaded");
  const std::string twice =
      op::program(op::dict(op::text("t") + op::tensor(op::storage("FloatStorage", "0", 6), 0, {1}, {1}) +
                           op::text("t") + op::tensor(op::storage("FloatStorage", "0", 6), 0, {1}, {1})));
  EXPECT_THAT(load_error(archive(twice)), HasSubstr("tensor 't': the name appears twice"));
}

TEST_F(TorchTest, ArchiveLayout) {
  const std::string program = one_tensor(0, {6}, {1});
  const std::vector<Member> torch2 = {{"my run-7/data.pkl", program},
                                      {"my run-7/byteorder", "little"},
                                      {"my run-7/data/0", kSixFloats},
                                      {"my run-7/version", "3\n"},
                                      {"my run-7/.data/serialization_id", "1"}};
  EXPECT_EQ(values(archive(torch2)).size(), 6u);
  EXPECT_THAT(
      load_error(archive({{"a/data.pkl", program}, {"a/byteorder", "big"}, {"a/data/0", kSixFloats}})),
      HasSubstr("byteorder must be 'little', found 'big'"));
  EXPECT_THAT(load_error(archive({{"a/data.pkl", program}, {"b/data.pkl", program}})),
              HasSubstr("two members named */data.pkl"));
  EXPECT_THAT(load_error(archive({{"word/document.xml", "x"}})),
              HasSubstr("no member named */data.pkl: not written by torch.save"));
}

TEST_F(TorchTest, OtherFilesAreNamed) {
  EXPECT_THAT(load_error(write("old.pt",
                               "\x80\x02\x8a\x0a"
                               "l\xfc\x9c"
                               "F\xf9 j\xa8P\x19.\x80\x02M")),
              HasSubstr("old.pt: a torch file of the old, non-zip format: load it in Python and re-save it"));
  EXPECT_THAT(load_error(write("empty.pt", "")), HasSubstr("empty.pt: "));
  EXPECT_THAT(load_error(write("text.pt", "hello")), HasSubstr("cannot open the zip archive"));
}

TEST_F(TorchTest, BrokenDeflateDataIsAnError) {
  std::string bytes =
      testing::file_bytes(archive({{"a/data.pkl", one_tensor(0, {6}, {1})}, {"a/data/0", kSixFloats, true}}));
  const size_t data = bytes.find("a/data/0") + 8;  // of the local header, which comes first
  bytes[data + 3] ^= 0x10;
  EXPECT_THAT(load_error(write("broken.pt", bytes)), HasSubstr("member 'a/data/0'"));
}

TEST_F(TorchTest, SurvivesTruncationAndBitFlips) {
  for (const bool deflate : {false, true}) {
    const std::string valid = testing::file_bytes(archive(one_tensor(0, {3, 2}, {1, 3}), deflate));
    const auto load = [](const std::string& file) { TorchCheckpoint(file).tensors(); };
    testing::expect_every_truncation_throws(valid, path("cut.pt"), load);
    testing::expect_bit_flips_are_survived(valid, path("flip.pt"), load);
  }
}

TEST_F(TorchTest, ReadsZip64BeyondFourGigabytes) {
  constexpr int64_t kFar = 5ll << 30;
  const std::string program =
      op::program(op::dict(op::text("near") + op::tensor(op::storage("FloatStorage", "0", 6), 0, {6}, {1}) +
                           op::text("t") + op::tensor(op::storage("FloatStorage", "1", 2), 0, {2}, {1})));
  testing::Zip64File file(path("big.pt"));
  file.add("big/data.pkl", program);
  file.add("big/data/0", kSixFloats);
  file.skip_to(kFar);
  file.add("big/data/1", floats({7, 8}));
  file.finish();
  ASSERT_GT(std::filesystem::file_size(path("big.pt")), static_cast<uintmax_t>(kFar));
  EXPECT_THAT(values(path("big.pt")), ElementsAre(7, 8));
}

TEST_F(TorchTest, CanBeMoved) {
  TorchCheckpoint first(archive(one_tensor(0, {6}, {1})));
  const TorchCheckpoint second(std::move(first));
  EXPECT_EQ(second.path(), path("t.pt"));
  EXPECT_EQ(second.find("t")->elements(), 6);
  EXPECT_EQ(second.find("absent"), nullptr);
}

class StateDictTest : public TorchTest {};

TEST_F(StateDictTest, TellsTheContainerByContent) {
  const std::vector<float> six = {1, 2, 3, 4, 5, 6};
  const TensorEntry entry{"t", DType::f32, {6}, testing::as_bytes(six)};
  write_safetensors(path("a.bin"), {entry});
  GgufWriter gguf(path("b.pt"));
  gguf.declare("t", DType::f32, {6});
  gguf.write_tensor(entry.bytes);
  gguf.finish();
  std::filesystem::rename(archive(one_tensor(0, {6}, {1})), path("c.safetensors"));
  for (const char* name : {"a.bin", "b.pt", "c.safetensors"}) {
    const auto file = StateDict::open(path(name));
    ASSERT_EQ(file->tensors().size(), 1u) << name;
    EXPECT_EQ(file->path(), path(name));
    EXPECT_EQ(to_float32(*file->find("t"), name), six) << name;
    file->release_pages(*file->find("t"));
    EXPECT_EQ(to_float32(file->tensors()[0], name), six) << name;
  }
}

TEST_F(StateDictTest, OtherFilesAreErrors) {
  const auto open_error = [](const std::string& file) { return error_of([&] { StateDict::open(file); }); };
  EXPECT_EQ(open_error(write("x", "plain text")), path("x") + ": not a safetensors, torch or GGUF file");
  EXPECT_EQ(open_error(write("e", "")), path("e") + ": not a safetensors, torch or GGUF file");
  EXPECT_THAT(open_error(write("l", "\x80\x02\x8a\x0a")), HasSubstr("non-zip format"));
  EXPECT_THAT(open_error(path("absent")), HasSubstr("cannot open"));
  EXPECT_THAT(open_error(write("g", "GGUF")), HasSubstr("the version needs 4 bytes"));
}

}  // namespace
}  // namespace cobra
