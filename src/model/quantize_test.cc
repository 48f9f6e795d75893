// Tests of quantize.h: equal to a direct conversion, all metadata kept, wrong files refused.
#include "model/quantize.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>

#include "model/convert.h"
#include "model/init.h"
#include "model/model_test_files.h"
#include "model/schema.h"

namespace cobra {
namespace {

using ::testing::AllOf;
using testing::error_of;
using ::testing::HasSubstr;
using testing::reference;

class QuantizeTest : public testing::ModelFileTest {
 protected:
  std::string converted(DType type) const {
    ConvertOptions o;
    o.run_dir = reference("checkpoint");
    o.dino = reference("checkpoint/dino.safetensors");
    o.siglip = reference("checkpoint/siglip.safetensors");
    o.dims = reference("dims.json");
    o.type = type;
    o.output = path(fmt::format("{}.gguf", name(type)));
    convert(o);
    return o.output;
  }
  std::string tiny(DType type) const {
    InitOptions o;
    o.preset = "tiny";
    o.type = type;
    o.output = path(fmt::format("tiny-{}.gguf", name(type)));
    init_model(o);
    return o.output;
  }
  void retype(const std::string& input, DType type, const std::string& output) const {
    QuantizeOptions o;
    o.input = input;
    o.type = type;
    o.output = path(output);
    o.threads = 2;
    quantize(o);
  }
  std::string copy_with(const std::string& input,
                        const std::function<std::string(const std::string&)>& rename) const {
    return testing::renamed_gguf(input, path("changed.gguf"), rename);
  }
};

TEST_F(QuantizeTest, EqualsADirectConversionByteForByte) {
  const std::string f32 = converted(DType::f32);
  for (DType type : {DType::q8_0, DType::q4_0, DType::q4_k, DType::bf16, DType::f16, DType::f32}) {
    retype(f32, type, "again.gguf");
    EXPECT_TRUE(testing::file_bytes(path("again.gguf")) == testing::file_bytes(converted(type)))
        << name(type);
  }
}

TEST_F(QuantizeTest, KeepsAllMetadataButTheFileType) {
  const std::string input = tiny(DType::bf16);
  retype(input, DType::q4_0, "q.gguf");
  auto expected = GgufFile(input).metadata();
  EXPECT_TRUE(expected.contains("tokenizer.ggml.tokens"));
  expected["general.file_type"] = file_type_number(DType::q4_0);
  EXPECT_EQ(GgufFile(path("q.gguf")).metadata(), expected);
}

TEST_F(QuantizeTest, TheSameTypeKeepsEveryByteOfTheTensors) {
  const std::string input = tiny(DType::q4_k);
  retype(input, DType::q4_k, "q.gguf");
  const GgufFile before(input), after(path("q.gguf"));
  for (const TensorEntry& tensor : before.tensors()) {
    const TensorEntry* copy = after.find(tensor.name);
    EXPECT_TRUE(copy &&
                std::equal(tensor.bytes.begin(), tensor.bytes.end(), copy->bytes.begin(), copy->bytes.end()))
        << tensor.name;
  }
}

TEST_F(QuantizeTest, WrongTensorsAreNamed) {
  const std::string input = tiny(DType::bf16);
  const auto error = [&](const std::string& file) {
    return error_of([&] { retype(file, DType::q8_0, "q.gguf"); });
  };
  const auto without = [](const std::string& gone, const std::string& instead) {
    return [=](const std::string& name) { return name == gone ? instead : name; };
  };
  EXPECT_THAT(error(copy_with(input, without("blk.1.ssm_d", ""))),
              AllOf(HasSubstr("changed.gguf"), HasSubstr("'blk.1.ssm_d' is missing, expected shape [512]")));
  const std::string ours = "projector.4.weight";
  EXPECT_THAT(
      error(copy_with(input, [&](const std::string& name) { return name == ours ? "output.weight" : name; })),
      HasSubstr("'projector.4.weight' is missing"));
  EXPECT_FALSE(std::filesystem::exists(path("q.gguf")));
}

TEST_F(QuantizeTest, ShapesMustBeThoseOfTheConfiguration) {
  const GgufFile file(tiny(DType::bf16));
  GgufWriter writer(path("changed.gguf"));
  for (const auto& [key, value] : file.metadata()) {
    writer.set(key, key == "mamba.ssm.time_step_rank" ? GgufValue(int64_t{8}) : value);
  }
  for (const TensorEntry& tensor : file.tensors()) writer.declare(tensor.name, tensor.type, tensor.shape);
  for (const TensorEntry& tensor : file.tensors()) writer.write_tensor(tensor.bytes);
  writer.finish();
  EXPECT_THAT(
      error_of([&] { retype(path("changed.gguf"), DType::q8_0, "q.gguf"); }),
      AllOf(HasSubstr("'blk.0.ssm_x.weight'"), HasSubstr("expected shape [40, 512], found [48, 512]")));
}

TEST_F(QuantizeTest, ValuesThatAreNotFiniteAreNamed) {
  const GgufFile file(tiny(DType::f32));
  GgufWriter writer(path("changed.gguf"));
  for (const auto& [key, value] : file.metadata()) writer.set(key, value);
  for (const TensorEntry& tensor : file.tensors()) writer.declare(tensor.name, tensor.type, tensor.shape);
  for (const TensorEntry& tensor : file.tensors()) {
    std::vector<std::byte> bytes(tensor.bytes.begin(), tensor.bytes.end());
    const float nan = std::nanf("");
    if (tensor.name == "blk.2.ssm_out.weight") std::memcpy(bytes.data() + 4 * (512 + 7), &nan, sizeof nan);
    writer.write_tensor(bytes);
  }
  writer.finish();
  EXPECT_THAT(error_of([&] { retype(path("changed.gguf"), DType::q8_0, "q.gguf"); }),
              AllOf(HasSubstr("'blk.2.ssm_out.weight'"), HasSubstr("found nan at row 1, column 7")));
  EXPECT_FALSE(std::filesystem::exists(path("q.gguf")));
}

TEST_F(QuantizeTest, RefusesToWriteOntoItsInput) {
  const std::string input = tiny(DType::bf16);
  const std::string before = testing::file_bytes(input);
  EXPECT_THAT(error_of([&] { retype(input, DType::q8_0, "tiny-bf16.gguf"); }),
              HasSubstr("output is the input"));
  EXPECT_TRUE(testing::file_bytes(input) == before);
}

}  // namespace
}  // namespace cobra
