// Weights in and out: the trainer's GGUF is convert's, byte for byte, and reading back gives what was
// written.
#include <torch/nn/modules/linear.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "cobra/session.h"
#include "model/model_test_files.h"
#include "train/model/projector.h"
#include "train/testing/reference_training.h"

namespace cobra::train::testing {
namespace {

namespace fs = std::filesystem;

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() { fs::create_directories(folder_); }
  ~FilesTest() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  static void expect_same(const Parameters& actual, const Parameters& expected, double bound) {
    for (const Parameter& p : expected.list()) {
      const Tensor difference = (actual.at(p.name).detach() - p.value.detach()).abs();
      EXPECT_LE(difference.max().item<double>(), bound) << p.name;
    }
  }

 private:
  fs::path folder_ = fs::temp_directory_path() / fmt::format("cobra_train_files_{}", ::getpid());
};

TEST_F(FilesTest, GgufIsTheOneThatConvertMakes) {
  const CobraVlm model = reference_vlm();
  for (const DType type : {DType::f32, DType::q8_0}) {
    ConvertOptions options = reference_source().files;
    options.type = type;
    options.output = path("converted.gguf");
    convert(options);
    export_gguf(model.config(), model.parameters(), path("exported.gguf"),
                {.type = type, .tokenizer = {}, .progress = {}});
    EXPECT_EQ(read_file(path("exported.gguf"), 1 << 30), read_file(path("converted.gguf"), 1 << 30))
        << name(type);
  }
}

TEST_F(FilesTest, GgufReadsBack) {
  const CobraVlm model = reference_vlm();
  export_gguf(model.config(), model.parameters(), path("m.gguf"),
              {.type = DType::f32, .tokenizer = {}, .progress = {}});
  const ModelSource source = open_source({.gguf = path("m.gguf"), .files = {}}, 2);
  CobraVlm again(source.config, {});
  source.fill(again.parameters());
  expect_same(again.parameters(), model.parameters(), 5e-7);  // A_log through exp and log; all else is equal
}

TEST_F(FilesTest, AMissingTensorIsFoundWhenTheFileIsOpened) {
  const CobraVlm model = reference_vlm();
  export_gguf(model.config(), model.parameters(), path("m.gguf"),
              {.type = DType::f32, .tokenizer = {}, .progress = {}});
  for (const char* gone : {"token_embd.weight", "projector.2.bias", "dino.blk.1.fc2.weight"}) {
    const std::string file = cobra::testing::gguf_without(path("m.gguf"), path("cut.gguf"), gone);
    const std::string error = cobra::testing::error_of([&] { open_source({.gguf = file, .files = {}}, 1); });
    EXPECT_NE(error.find(fmt::format("tensor '{}' is missing", gone)), std::string::npos) << error;
  }
}

TEST_F(FilesTest, ATokenizerThatIsNamedGoesBeforeTheModelsOwn) {
  const CobraVlm model = reference_vlm();
  export_gguf(model.config(), model.parameters(), path("m.gguf"),
              {.type = DType::f32, .tokenizer = {}, .progress = {}});
  SourceOptions options{.gguf = path("m.gguf"), .files = {}};
  EXPECT_FALSE(open_source(options, 1).tokenizer.has_value());
  options.files.tokenizer = COBRA_SOURCE_DIR "/tests/data/tokenizer/tiny.json";
  const ModelSource source = open_source(options, 1);
  ASSERT_TRUE(source.tokenizer.has_value());
  EXPECT_EQ(source.config.eos_token_id, source.tokenizer->eos_id);
}

TEST_F(FilesTest, TheEngineAnswersWithTheTrainersLogits) {
  const CobraVlm model = reference_vlm();
  export_gguf(model.config(), model.parameters(), path("m.gguf"),
              {.type = DType::f32, .tokenizer = {}, .progress = {}});
  const std::vector<int32_t> ids{5, 17, 300, 2, 9};
  const Model engine = Model::load(path("m.gguf"), Runtime());
  const Image picture = Image::load(reference("image/photo.jpg"));
  Session session(engine);
  session.read_embeddings(engine.embed(picture).view());
  session.read_tokens(ids);

  const NoGradGuard no_grad;
  Batch batch{torch::tensor(std::vector<int64_t>(ids.begin(), ids.end())).unsqueeze(0),
              {},
              torch::tensor({int64_t{0}}),
              pixel_values(model.config(), {picture}),
              {}};
  batch.labels = torch::full_like(batch.input_ids, kIgnoredLabel);
  const Tensor logits = model.logits(model.fuse(batch)).select(1, -1)[0].contiguous();
  EXPECT_TRUE(cobra::testing::near(session.logits(), floats(logits), 5e-4));
}

TEST_F(FilesTest, CheckpointReadsBackExactly) {
  const CobraVlm model = reference_vlm();
  save_parameters(model.parameters(), path("m.safetensors"));
  CobraVlm again(model.config(), {});
  load_parameters(path("m.safetensors"), again.parameters());
  expect_same(again.parameters(), model.parameters(), 0);
}

TEST_F(FilesTest, CheckpointOfAnotherModelIsRefused) {
  CobraVlm model = reference_vlm();
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const Parameter& p : model.parameters().list()) tensors.emplace_back(p.name, p.value);
  const auto refused = [&](const std::vector<std::pair<std::string, Tensor>>& changed,
                           const std::string& text) {
    write_tensor_file(path("bad.safetensors"), changed);
    try {
      load_parameters(path("bad.safetensors"), model.parameters());
      ADD_FAILURE() << "no Error: " << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  };
  auto changed = tensors;
  changed[3].second = torch::zeros({2, 3});
  refused(changed, "found f32 [2, 3]");
  changed = tensors;
  changed.pop_back();
  refused(changed, "is missing");
  changed = tensors;
  changed.emplace_back("extra", torch::zeros({1}));
  refused(changed, "'extra' is unexpected");
}

TEST_F(FilesTest, NewProjectorStartsAsTheOfficialOneDoes) {
  const ModelConfig config = reference_vlm().config();
  Parameters parameters(config);
  initialize_projector(config.projector, parameters);
  // torch's own layers, made in order after the official seed.
  torch::manual_seed(static_cast<uint64_t>(config.projector.in));
  const Projector projector = bind_projector(config.projector, parameters);
  for (const Linear& layer : projector.layers) {
    const torch::nn::Linear expected(layer.weight.size(1), layer.weight.size(0));
    EXPECT_TRUE(torch::equal(layer.weight, expected->weight));
    EXPECT_TRUE(torch::equal(layer.bias, expected->bias));
  }
}

}  // namespace
}  // namespace cobra::train::testing
