//! A call in one piece and a streamed one, against the gateway at TRUNKLINE_ADDRESS.

use std::time::Duration;

use tonic::{Request, transport::Channel};
use trunkline::v1::{
    self, ChatInput, ChatRequest, ContentBlock, Message, Role, StreamChatRequest, TextBlock, block_delta::Delta,
    chat_event::Kind, chat_service_client::ChatServiceClient, content_block,
};

async fn client() -> ChatServiceClient<Channel> {
    let address = std::env::var("TRUNKLINE_ADDRESS").expect("TRUNKLINE_ADDRESS is not set");
    let client = ChatServiceClient::connect(format!("http://{address}")).await.expect("no gateway");
    client.max_decoding_message_size(32 << 20)
}

fn ask<T>(text: &str, request: impl FnOnce(ChatInput) -> T) -> Request<T> {
    let block = content_block::Kind::Text(TextBlock { text: text.into(), ..Default::default() });
    let message = Message {
        role: Role::User.into(),
        content: vec![ContentBlock { kind: Some(block), ..Default::default() }],
        ..Default::default()
    };
    let input = ChatInput { model: "simulator/text".into(), messages: vec![message], ..Default::default() };
    let mut request = Request::new(request(input));
    request.set_timeout(Duration::from_secs(30));
    request
}

#[tokio::test]
async fn chat() {
    let request = ask("Hello", |input| ChatRequest { input: Some(input), ..Default::default() });
    let answer = client().await.chat(request).await.expect("the call failed").into_inner();
    let blocks = answer.message.expect("no message").content;
    match &blocks[..] {
        [ContentBlock { kind: Some(content_block::Kind::Text(text)), .. }] => assert_eq!(text.text, "You said: Hello"),
        other => panic!("{other:?}"),
    }
    let completion = answer.completion.expect("no completion");
    assert_eq!(completion.finish_reason(), v1::FinishReason::Stop);
}

#[tokio::test]
async fn stream() {
    let request = ask("one two three", |input| StreamChatRequest { input: Some(input), ..Default::default() });
    let mut messages = client().await.stream_chat(request).await.expect("the call failed").into_inner();
    let (mut pieces, mut complete) = (Vec::new(), false);
    while let Some(message) = messages.message().await.expect("the stream failed") {
        for event in message.events {
            match event.kind {
                Some(Kind::BlockDelta(v1::BlockDelta { delta: Some(Delta::Text(text)), .. })) => pieces.push(text),
                Some(Kind::Completion(_)) => complete = true,
                _ => {}
            }
        }
    }
    assert!(complete);
    assert!(pieces.len() > 1);
    assert_eq!(pieces.concat(), "You said: one two three");
}
