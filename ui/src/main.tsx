import { render } from 'preact';
import './theme/tokens.css';
import './theme/base.css';
import { App, start } from './app/app';

start();
const root = document.getElementById('app');
if (root) render(<App />, root);
