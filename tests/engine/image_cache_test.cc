// The image cache: found states are the states that reading gives, bounds hold, damage is mended.
#include "cobra/image_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/reference_model.h"
#include "formats/gguf.h"
#include "test_support.h"

namespace cobra::testing {
namespace {

namespace fs = std::filesystem;

Image picture(uint8_t shade) { return {6, 5, std::vector<uint8_t>(6 * 5 * 3, shade)}; }

Session read_plainly(const Model& model, const Image& image) {
  Session session(model);
  session.read_embeddings(model.embed(image).view());
  return session;
}

void expect_same_state(const Session& a, const Session& b) {
  EXPECT_EQ(a.position(), b.position());
  EXPECT_EQ(a.conv_state(), b.conv_state());
  EXPECT_EQ(a.ssm_state(), b.ssm_state());
  EXPECT_TRUE(std::ranges::equal(a.logits(), b.logits()));
}

int64_t entry_bytes(const Model& model) {
  return Session(model).state_bytes() + int64_t{model.config().mamba.vocab_size} * 4;
}

/// So that the times of files differ.
void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

class ImageCacheTest : public ::testing::Test {
 protected:
  const Model model_ = reference_model();
  TemporaryFolder folder_;
  std::string states() const { return folder_.file("seen"); }
  ImageCache in_files(int64_t bytes = int64_t{1} << 30) const {
    return ImageCache(model_, {.folder = states(), .folder_bytes = bytes});
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(states())) found.push_back(entry.path());
    return found;
  }
};

TEST_F(ImageCacheTest, RefusesSizesBelowZero) {
  const auto error = [&](ImageCacheOptions options) {
    return error_of([&] { ImageCache(model_, std::move(options)); });
  };
  EXPECT_THAT(error({.memory_bytes = -1}),
              ::testing::HasSubstr("memory_bytes: expected 0 or more, found -1"));
  EXPECT_THAT(error({.folder_bytes = -1}),
              ::testing::HasSubstr("folder_bytes: expected 0 or more, found -1"));
  EXPECT_THAT(error({.chunk = -1}), ::testing::HasSubstr("chunk: expected 0"));
}

TEST_F(ImageCacheTest, KeepsNothingUnlessAsked) {
  ImageCache cache(model_);
  EXPECT_FALSE(cache.read(picture(10)).cached);
  EXPECT_FALSE(cache.read(picture(10)).cached);
  EXPECT_EQ(cache.memory_bytes(), 0);
}

TEST_F(ImageCacheTest, AFoundStateIsTheOneThatReadingGives) {
  const Session expected = read_plainly(model_, picture(10));
  ImageCache memory(model_, {.memory_bytes = int64_t{1} << 30});
  ImageCache files = in_files();
  for (ImageCache* cache : {&memory, &files}) {
    const PictureState first = cache->read(picture(10));
    EXPECT_FALSE(first.cached);
    const PictureState second = cache->read(picture(10));
    EXPECT_TRUE(second.cached);
    EXPECT_EQ(second.tokens, first.tokens);
    EXPECT_EQ(second.vision_ms, 0);
    expect_same_state(first.session, expected);
    expect_same_state(second.session, expected);
    EXPECT_FALSE(cache->read(picture(11)).cached) << "another picture";
  }
}

TEST_F(ImageCacheTest, AskingGoesOnFromACopy) {
  ImageCache cache(model_, {.memory_bytes = int64_t{1} << 30});
  PictureState first = cache.read(picture(10));
  first.session.step(3);
  PictureState second = cache.read(picture(10));
  second.session.step(4);
  expect_same_state(cache.read(picture(10)).session, read_plainly(model_, picture(10)));
}

TEST_F(ImageCacheTest, TheSamePixelsInAnotherShapeAreAnotherPicture) {
  ImageCache cache = in_files();
  cache.read(picture(10));
  Image turned = picture(10);
  std::swap(turned.width, turned.height);
  EXPECT_FALSE(cache.read(turned).cached);
}

TEST_F(ImageCacheTest, MemoryKeepsWhatWasUsedLast) {
  const int64_t each = entry_bytes(model_);
  ImageCache cache(model_, {.memory_bytes = 2 * each + each / 2});
  cache.read(picture(1));
  cache.read(picture(2));
  EXPECT_TRUE(cache.read(picture(1)).cached);
  cache.read(picture(3));
  EXPECT_EQ(cache.memory_bytes(), 2 * each);
  EXPECT_TRUE(cache.read(picture(1)).cached);
  EXPECT_TRUE(cache.read(picture(3)).cached);
  EXPECT_FALSE(cache.read(picture(2)).cached);
}

TEST_F(ImageCacheTest, AFolderKeepsWhatWasUsedLastAndForeignFiles) {
  in_files().read(picture(1));
  const int64_t each = static_cast<int64_t>(fs::file_size(files()[0]));
  std::ofstream(fs::path(states()) / "letter.txt") << std::string(1000, 'x');
  ImageCache cache = in_files(2 * each + each / 2);
  pause(), cache.read(picture(2));
  pause(), cache.read(picture(1));
  pause(), cache.read(picture(3));
  EXPECT_EQ(files().size(), 3u) << "two states and the letter";
  EXPECT_TRUE(fs::exists(fs::path(states()) / "letter.txt"));
  EXPECT_TRUE(cache.read(picture(1)).cached);
  EXPECT_FALSE(cache.read(picture(2)).cached);
}

TEST_F(ImageCacheTest, ADamagedFileIsReadAnewAndReplaced) {
  in_files().read(picture(1));
  const fs::path file = files().at(0);
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_FALSE(in_files().read(picture(1)).cached);
  const PictureState again = in_files().read(picture(1));
  EXPECT_TRUE(again.cached);
  expect_same_state(again.session, read_plainly(model_, picture(1)));
}

TEST_F(ImageCacheTest, AFlippedBitIsFound) {
  in_files().read(picture(1));
  const fs::path path = files().at(0);
  for (const int from_end : {1, 5000}) {  // a logit, the state
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(-from_end, std::ios::end);
      const char byte = static_cast<char>(file.get() ^ 4);
      file.seekp(-from_end, std::ios::end);
      file.put(byte);
    }
    EXPECT_FALSE(in_files().read(picture(1)).cached) << from_end;
    EXPECT_TRUE(in_files().read(picture(1)).cached) << "mended";
  }
}

TEST_F(ImageCacheTest, AStateThatHasReadSomethingElseIsNotAPictures) {
  in_files().read(picture(1));
  Session other(model_);
  other.step(3);
  other.save(files().at(0).string());
  EXPECT_FALSE(in_files().read(picture(1)).cached);
}

TEST_F(ImageCacheTest, WhatCannotBeKeptIsReadAllTheSame) {
  in_files().read(picture(1));
  const fs::path path = files().at(0);
  fs::remove(path);
  fs::create_directories(path / "in the way");
  const PictureState state = in_files().read(picture(1));
  EXPECT_FALSE(state.cached);
  EXPECT_THAT(state.not_kept, ::testing::HasSubstr(path.string()));
  expect_same_state(state.session, read_plainly(model_, picture(1)));
}

TEST_F(ImageCacheTest, AStateLargerThanTheLimitLeavesTheOthersAlone) {
  in_files().read(picture(1));
  std::ofstream(fs::path(states()) / "large.cobra-picture") << std::string(3 << 20, 'x');
  in_files(2 << 20).read(picture(2));
  EXPECT_FALSE(fs::exists(fs::path(states()) / "large.cobra-picture"));
  EXPECT_TRUE(in_files().read(picture(1)).cached);
  EXPECT_TRUE(in_files().read(picture(2)).cached);
}

TEST_F(ImageCacheTest, AbandonedHalvesAreRemovedAndFreshOnesLeft) {
  in_files().read(picture(1));
  const fs::path old = fs::path(states()) / "a.cobra-picture.1.0.tmp",
                 fresh = fs::path(states()) / "b.cobra-picture.1.0.tmp";
  std::ofstream(old) << "x", std::ofstream(fresh) << "x";
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(2));
  in_files().read(picture(2));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(fresh));
}

TEST_F(ImageCacheTest, MemoryAndFilesAgreeOnWhatWasUsedLast) {
  in_files().read(picture(1));
  const int64_t each = static_cast<int64_t>(fs::file_size(files()[0]));
  ImageCache cache(model_,
                   {.memory_bytes = 1 << 30, .folder = states(), .folder_bytes = 2 * each + each / 2});
  cache.read(picture(1)), pause();
  cache.read(picture(2)), pause();
  cache.read(picture(1)), pause();  // from memory
  cache.read(picture(3));
  EXPECT_TRUE(in_files().read(picture(1)).cached);
  EXPECT_FALSE(in_files().read(picture(2)).cached);
}

TEST_F(ImageCacheTest, OtherNumericsHaveStatesOfTheirOwn) {
  const Model rounded = reference_model(Runtime({.numerics = {.state = StateType::bf16}}));
  in_files().read(picture(1));
  EXPECT_FALSE(ImageCache(rounded, {.folder = states()}).read(picture(1)).cached);
}

TEST_F(ImageCacheTest, SeveralThreadsGetTheSameState) {
  ImageCache cache(model_, {.memory_bytes = 1 << 30, .folder = states()});
  const Session expected = read_plainly(model_, picture(1));
  std::vector<std::thread> threads;
  std::array<std::vector<float>, 4> found;
  for (std::vector<float>& state : found) {
    threads.emplace_back([&] { state = cache.read(picture(1)).session.ssm_state(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<float>& state : found) EXPECT_EQ(state, expected.ssm_state());
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(ImageCacheTest, AnotherModelHasStatesOfItsOwn) {
  in_files().read(picture(1));
  const Model other = reference_model(Runtime(), DType::bf16);
  ImageCache cache(other, {.folder = states()});
  EXPECT_FALSE(cache.read(picture(1)).cached);
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(ImageCacheTest, AnotherConfigurationIsAnotherModel) {
  const auto write = [&](const char* name, const char* strategy) {
    const GgufFile file(COBRA_SOURCE_DIR "/models/cobra-tiny.gguf");
    GgufWriter writer(folder_.file(name));
    for (const auto& [key, value] : file.metadata()) {
      if (key != "cobra.resize_strategy") writer.set(key, value);
    }
    writer.set("cobra.resize_strategy", std::string(strategy));
    for (const TensorEntry& tensor : file.tensors()) writer.declare(tensor.name, tensor.type, tensor.shape);
    for (const TensorEntry& tensor : file.tensors()) writer.write_tensor(tensor.bytes);
    writer.finish();
    return Model::load(folder_.file(name), Runtime()).fingerprint();
  };
  EXPECT_NE(write("a.gguf", "letterbox"), write("b.gguf", "resize-naive"));
  EXPECT_EQ(write("c.gguf", "letterbox"), write("d.gguf", "letterbox"));
}

TEST_F(ImageCacheTest, AStateThatTheFolderMayNotHoldIsSaid) {
  EXPECT_THAT(in_files(100).read(picture(1)).not_kept, ::testing::HasSubstr("more than the 100"));
  EXPECT_TRUE(files().empty());
}

TEST_F(ImageCacheTest, AFileInPlaceOfTheFolderIsNamed) {
  folder_.write("seen", "not a folder");
  EXPECT_THAT(error_of([&] { in_files(); }), ::testing::HasSubstr(states()));
}

}  // namespace
}  // namespace cobra::testing
